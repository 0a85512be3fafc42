import { describe, expect, test } from "vitest";
import { builtinMap } from "../../../src/bases/map.ts";
import { parseReference } from "../../../src/bases/resolve.ts";

const at = { file: "Nodefile", line: 1, column: 6, text: "FROM x" };
const parse = (text: string) => parseReference(text, { map: builtinMap(), directory: "/work/app", at });
const named = (text: string): string => {
	const reference = parse(text);
	return reference.kind === "named" ? reference.base.name : reference.kind;
};
const digits = "ab".repeat(32);

describe("names", () => {
	test.each([
		["debian:12", "debian:12"],
		["debian:bookworm", "debian:12"],
		["debian:12-slim", "debian:12"],
		["debian:bookworm-slim", "debian:12"],
		["debian", "debian:13"],
		["debian:latest", "debian:13"],
		["debian:stable-slim", "debian:13"],
		["Debian:12", "debian:12"],
		["docker.io/library/debian:12", "debian:12"],
		["library/ubuntu:noble", "ubuntu:24.04"],
		["ubuntu", "ubuntu:26.04"],
		["opensuse/leap:15.6", "opensuse-leap:15.6"],
		["rockylinux:9", "rocky:9"],
		["alpine", "alpine:3.24"],
	])("%s is %s", (text, name) => {
		expect(named(text)).toBe(name);
	});

	test("may carry a digest", () => {
		expect(parse(`debian:12@sha256:${digits.toUpperCase()}`)).toMatchObject({
			kind: "named",
			pin: { algorithm: "sha256", hex: digits },
		});
	});

	test.each([
		["debain:12", "debian:12"],
		["debian:14", "debian:1"],
		["ubunut:24.04", "ubuntu:24.04"],
		["rokcy:9", "rocky:9"],
		["fedroa", "fedora:"],
	])("unknown %s suggests %s", (text, near) => {
		expect(() => parse(text)).toThrow(
			expect.objectContaining({ code: "BASE_UNKNOWN", at, hint: expect.stringContaining(near) }),
		);
	});

	test.each([
		["debian:", "debian:12"],
		["debian:12:13", "debian:12"],
		["debian:-slim", "debian:12"],
		["de bian", "name[:tag]"],
		[":12", "name[:tag]"],
	])("%s is no name", (text, hint) => {
		expect(() => parse(text)).toThrow(
			expect.objectContaining({
				code: "NODEFILE_INVALID",
				at,
				message: expect.stringContaining(`got "${text}": invalid reference format`),
				hint: expect.stringContaining(hint),
			}),
		);
	});

	test("something quite different suggests nothing, but says how to list the names", () => {
		expect(() => parse("windows:11")).toThrow(
			expect.objectContaining({ code: "BASE_UNKNOWN", hint: expect.not.stringContaining("did you mean") }),
		);
	});

	test.each(["disk.qcow2", "nodefiles/Nodefile.worker", "Nodefile"])(
		"the file %s without ./ is told how to be written",
		(file) => {
			expect(() => parse(file)).toThrow(expect.objectContaining({ hint: expect.stringContaining(`"./${file}"`) }));
		},
	);
});

describe("files", () => {
	test.each([
		["./disk.qcow2", "/work/app/disk.qcow2"],
		["../disk.raw", "/work/disk.raw"],
		["/images//disk.vmdk", "/images/disk.vmdk"],
		["./odd#name.qcow2", "/work/app/odd#name.qcow2"],
	])("%s is %s", (text, path) => {
		expect(parse(text)).toEqual({ kind: "file", path });
	});

	test("may be pinned", () => {
		expect(parse(`./disk.qcow2#sha256=${digits}`)).toEqual({
			kind: "file",
			path: "/work/app/disk.qcow2",
			pin: { algorithm: "sha256", hex: digits },
		});
	});
});

describe("addresses", () => {
	test("keep their query, lose their fragment", () => {
		expect(parse(`https://host/a/disk.qcow2?x=1#sha256=${digits}`)).toEqual({
			kind: "url",
			url: "https://host/a/disk.qcow2?x=1",
			pin: { algorithm: "sha256", hex: digits },
		});
	});

	test.each(["https://", "http://host/x#sha256=12", `https://host/x#md5=${digits}`])("%s is refused", (text) => {
		expect(() => parse(text)).toThrow(expect.objectContaining({ code: "NODEFILE_INVALID", at }));
	});
});
