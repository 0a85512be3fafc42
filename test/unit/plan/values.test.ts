/** Ports, signals, paths and platforms: small tables of their own. */
import { describe, expect, it } from "vitest";
import { basePath, cleanPath, joinPath, resolveDestination, resolveWorkdir } from "../../../src/plan/paths.ts";
import { formatPlatform, parsePlatform } from "../../../src/plan/platform.ts";
import { parsePort } from "../../../src/plan/ports.ts";
import { isSignal } from "../../../src/plan/signals.ts";

describe("parsePort", () => {
	it.each([
		["80", ["80/tcp"]],
		["53/UDP", ["53/udp"]],
		["132/sctp", ["132/sctp"]],
		["0", ["0/tcp"]],
		["7000-7002", ["7000/tcp", "7001/tcp", "7002/tcp"]],
		["8080:80", ["80/tcp"]],
		["127.0.0.1:8080:80/tcp", ["80/tcp"]],
		["[::1]:8080:80", ["80/tcp"]],
		["8000-8010:80", ["80/tcp"]],
		["8000-8001:90-91/udp", ["90/udp", "91/udp"]],
		["80/", ["80/tcp"]],
	])("%s", (text, ports) => {
		expect(parsePort(text)).toEqual(ports);
	});

	it.each([
		"",
		"/tcp",
		"65536",
		"http",
		"80/icmp",
		"90-80",
		"1-2-3",
		"-1",
		"a:80",
		"8000-8002:90-91",
		"999.1.1.1:1:80",
	])("refuses %j", (text) => {
		expect(() => parsePort(text)).toThrow(/expected/);
	});
});

describe("isSignal", () => {
	it.each(["SIGTERM", "term", "9", "SIGRTMIN+15", "RTMAX-14", "64"])("takes %s", (text) => {
		expect(isSignal(text)).toBe(true);
	});
	it.each(["", "0", "SIGTREM", "RTMIN+16", "65", "99", "9x"])("refuses %j", (text) => {
		expect(isSignal(text)).toBe(false);
	});
});

describe("paths", () => {
	it.each([
		["", "."],
		["/", "/"],
		["//a/./b/../c/", "/a/c"],
		["/../..", "/"],
		["../a/../..", "../.."],
		["a/..", "."],
	])("cleanPath %j", (path, clean) => {
		expect(cleanPath(path)).toBe(clean);
	});

	it("joins", () => {
		expect([joinPath("/a", "", "../b"), joinPath("", ""), joinPath("/", "x/")]).toEqual(["/b", "", "/x"]);
	});

	it.each([
		["/", "a", "/a"],
		["/a", "b/", "/a/b"],
		["/a", "..", "/"],
		["/a", "/b/", "/b/"],
		["/a", "/b/../c", "/b/../c"],
		["/a/", "", "/a/"],
	])("WORKDIR %s, then %j", (current, path, workdir) => {
		expect(resolveWorkdir(current, path)).toBe(workdir);
	});

	it.each([
		["/w", "", "/w/"],
		["/w", ".", "/w/"],
		["/w", "./", "/w/"],
		["/w/", "x", "/w/x"],
		["/w", "x/", "/w/x/"],
		["/w", "x/.", "/w/x/"],
		["/w", "..", "/"],
		["/", "/", "/"],
		["/w", "//a//b", "/a/b"],
	])("in %s, destination %j", (workdir, dest, path) => {
		expect(resolveDestination(workdir, dest)).toBe(path);
	});

	it.each([
		["/a/b/", "b"],
		["/", "/"],
		["a", "a"],
	])("basePath %s", (path, base) => {
		expect(basePath(path)).toBe(base);
	});
});

describe("parsePlatform", () => {
	it.each([
		["linux/amd64", "linux/amd64"],
		["Linux/x86_64", "linux/amd64"],
		["arm64", "linux/arm64"],
		["linux/arm64/v8", "linux/arm64"],
		["linux/arm", "linux/arm/v7"],
		["linux/arm/v6", "linux/arm/v6"],
		["linux/aarch64", "linux/arm64"],
	])("%s", (text, platform) => {
		const parsed = parsePlatform(text);
		expect(parsed && formatPlatform(parsed)).toBe(platform);
	});

	it.each(["", "linux/", "plan9/z80", "linux/amd64/v1/x", "constructor"])("refuses %j", (text) => {
		expect(parsePlatform(text)).toBeUndefined();
	});
});
