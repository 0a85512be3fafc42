import { InvalidArgumentError } from "commander";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
	parseCpus,
	parseDiskSize,
	parseDuration,
	parseKeyValue,
	parseMemory,
	parsePlatform,
	parsePublish,
	parseSize,
	parseTag,
} from "../../../src/cli/parse.ts";

describe("sizes", () => {
	it.each([
		["20G", 20 * 2 ** 30],
		["512m", 512 * 2 ** 20],
		["1.5GiB", 1.5 * 2 ** 30],
		["2 gb", 2 * 2 ** 30],
		["1073741824", 2 ** 30],
		["64k", 65536],
		["1T", 2 ** 40],
		["10b", 10],
	])("reads %s", (text, bytes) => expect(parseSize(text)).toBe(bytes));

	it.each([
		["20GG", "Did you mean 20G?"],
		["20 gigs", "Did you mean 20G?"],
		["1,5G", "Did you mean 1.5G?"],
		["20X", "Did you mean 20G?"],
		["-5G", "Did you mean 5G?"],
		["big", "Expected a size such as 20G"],
		["", "Expected a size"],
		["1e400", "Expected a size"],
	])("refuses %s and says %s", (text, said) => expect(() => parseSize(text)).toThrow(said));

	it("takes memory in MiB, and takes a bare number for a mistake", () => {
		expect(parseMemory("2G")).toBe(2048);
		expect(() => parseMemory("2048")).toThrow("Did you mean 2048M?");
	});

	it("rounds a disk up to whole MiB, and takes a bare number for a mistake", () => {
		expect(parseDiskSize("67108865")).toBe(65 * 2 ** 20);
		expect(() => parseDiskSize("20")).toThrow("Did you mean 20G?");
		expect(() => parseDiskSize("129T")).toThrow("a machine's disk has at most 128T");
		expect(() => parseDiskSize("999999T")).toThrow(/^Expected a size of less than 8192T, got 999999T\.$/);
	});

	it.each([
		["90s", 90_000],
		["1h30m", 5_400_000],
		["7d", 604_800_000],
	])("reads the time %s", (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds));

	it.each(["", "7", "7 d", "1w", "h"])("refuses the time %j", (text) =>
		expect(() => parseDuration(text)).toThrow(InvalidArgumentError),
	);
});

describe("names", () => {
	it.each([
		["web", "web:latest"],
		["web:1.2", "web:1.2"],
		["team/web_a:V1", "team/web_a:V1"],
		["host.example:5000/web", "host.example:5000/web:latest"],
	])("reads the tag %s", (text, tag) => expect(parseTag(text)).toBe(tag));

	it.each(["", ":", "web:", "a b", "web/", "-web", "web:a:b"])("refuses the tag %j", (text) =>
		expect(() => parseTag(text)).toThrow(InvalidArgumentError),
	);

	it("suggests lower case", () => expect(() => parseTag("My Web")).toThrow("Did you mean my-web?"));

	it.each(["linux/amd64", "linux/arm/v7"])("reads the platform %s", (text) => expect(parsePlatform(text)).toBe(text));
	it.each(["amd64", "linux/", "Linux/AMD64", "a/b/c/d"])("refuses the platform %s", (text) =>
		expect(() => parsePlatform(text)).toThrow("such as linux/amd64"),
	);

	it("reads processors", () => {
		expect(parseCpus("4")).toBe(4);
		for (const text of ["0", "1.5", "-1", "four", "", "256"]) expect(() => parseCpus(text)).toThrow("1 to 255");
	});
});

describe("name=value", () => {
	it("keeps everything behind the first =", () => expect(parseKeyValue("A=b=c", {})).toEqual(["A", "b=c"]));
	it("takes a bare name from the environment", () => expect(parseKeyValue("A", { A: "x" })).toEqual(["A", "x"]));
	it("leaves out a name that the environment lacks", () => expect(parseKeyValue("A", {})).toBeUndefined());
	it("refuses a missing name", () => expect(() => parseKeyValue("=x", {})).toThrow("NAME=VALUE"));
});

describe("ports", () => {
	it.each([
		["8080:80", { host: 8080, guest: 80, protocol: "tcp" }],
		["127.0.0.1:53:53/udp", { host: 53, guest: 53, protocol: "udp" }],
		["80", { host: 0, guest: 80, protocol: "tcp" }],
		[":80", { host: 0, guest: 80, protocol: "tcp" }],
	])("reads %s", (text, publish) => expect(parsePublish(text)).toEqual(publish));

	it("says that ports are on 127.0.0.1 only", () => {
		expect(() => parsePublish("0.0.0.0:80:80")).toThrow("127.0.0.1 only");
	});

	it.each(["", "http", "1:2:3", "70000:80", "80:0", "80:80/sctp"])("refuses %j", (text) =>
		expect(() => parsePublish(text)).toThrow(InvalidArgumentError),
	);
});

it("answers any text with a value or a message, never with a defect", () => {
	const parsers = [parseSize, parseMemory, parseDiskSize, parseDuration, parseTag, parsePublish];
	fc.assert(
		fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9=,:"./]*$/)), (text) => {
			for (const parse of parsers) {
				try {
					parse(text);
				} catch (error) {
					expect(error).toBeInstanceOf(InvalidArgumentError);
				}
			}
		}),
	);
});
