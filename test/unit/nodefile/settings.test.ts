import { describe, expect, test } from "vitest";
import { parseText } from "../../../src/nodefile/index.ts";
import { settingsOf } from "../../../src/nodefile/settings.ts";

const read = (text: string) => settingsOf(parseText(text, "Nodefile"), "Nodefile");

describe("# nodebuild=", () => {
	test("gives disk size, profile, and what the profile is told", () => {
		expect(
			read("# check=skip=all\n# nodebuild=disk-size=20G; profile=kubernetes;role=worker\nFROM debian:12\n"),
		).toEqual({
			diskSize: 20 * 2 ** 30,
			profile: "kubernetes",
			others: { role: "worker" },
			at: expect.objectContaining({ line: 2, file: "Nodefile" }),
		});
	});

	test("is not there, or comes after an instruction", () => {
		expect(read("FROM debian:12\n")).toEqual({ others: {} });
		expect(read("FROM debian:12\n# nodebuild=disk-size=20G\n")).toEqual({ others: {} });
	});

	test.each([
		["disk-size=big", /a size such as 20G, got "big"/],
		["disk-size", /expected name=value, got "disk-size"/],
		["role=worker", /expected disk-size or profile, got "role"/],
		["disk-size=1G;disk-size=2G", /expected disk-size once/],
	])("%s is refused", (text, message) => {
		expect(() => read(`# nodebuild=${text}\nFROM debian:12\n`)).toThrow(message);
	});
});
