import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { imageAddress } from "../../../src/bases/address.ts";
import { builtinMap, findBase, knownNames, loadMaps, parseMap } from "../../../src/bases/map.ts";
import { baseMapJsonSchema } from "../../../src/plan/base-map.ts";
import { temporaryFolder } from "./server.ts";

const root = new URL("../../../", import.meta.url);

describe("base-map.json", () => {
	test("follows the schema, and the published JSON schema is the one of the code", async () => {
		const file = new URL("base-map.json", root);
		const map = await parseMap(JSON.parse(await readFile(file, "utf8")), "base-map.json");
		expect(map).toEqual(builtinMap());
		const published = JSON.parse(await readFile(new URL("base-map.schema.json", root), "utf8"));
		expect(published).toEqual(JSON.parse(JSON.stringify(baseMapJsonSchema())));
	});

	test("names no base twice", () => {
		const names = knownNames(builtinMap());
		expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
	});

	test.each([
		"debian:11",
		"debian:12",
		"debian:13",
		"debian:sid",
		"debian:bookworm",
		"debian:latest",
		"ubuntu:20.04",
		"ubuntu:22.04",
		"ubuntu:24.04",
		"ubuntu:26.04",
		"ubuntu:jammy",
		"fedora:44",
		"rocky:9",
		"rockylinux:9",
		"alma:10",
		"almalinux:9",
		"centos-stream:9",
		"rhel:9",
		"oracle:9",
		"oraclelinux:8",
		"amazonlinux:2023",
		"opensuse/leap:15.6",
		"opensuse/tumbleweed:latest",
		"alpine:3.23",
	])("knows %s", (name) => {
		expect(findBase(builtinMap(), name)).toBeDefined();
	});

	test("has an https address per architecture, with a checksum or a digest, wherever it has an image", () => {
		for (const [name, entry] of Object.entries(builtinMap().bases)) {
			for (const source of entry.sources) {
				if (source.kind !== "image") continue;
				for (const architecture of Object.keys(entry.architectures)) {
					expect(imageAddress(source, entry, architecture), `${name} ${architecture}`).toMatch(/^https:\/\/[^{}]+$/);
				}
				expect(source.checksum ?? source.digests, name).toBeDefined();
			}
		}
	});

	test("says for rhel how to get the disk", () => {
		expect(findBase(builtinMap(), "rhel:9")?.entry).toMatchObject({
			sources: [],
			unavailable: expect.stringContaining("FROM ./"),
		});
	});
});

describe("maps of users", () => {
	const own = (url: string, aliases: readonly string[] = []) => ({
		version: 1,
		bases: {
			"debian:12": {
				title: "Ours",
				family: "debian",
				aliases,
				architectures: { amd64: "amd64" },
				sources: [{ kind: "image", url }],
			},
		},
	});

	test("lie over ours, the later over the earlier, whole entries at a time", async () => {
		const folder = await temporaryFolder();
		await writeFile(join(folder, "a.json"), JSON.stringify(own("http://a/x.qcow2")));
		await writeFile(join(folder, "b.json"), JSON.stringify(own("http://b/x.qcow2", ["debian:trixie"])));
		const map = await loadMaps([join(folder, "a.json"), join(folder, "b.json")]);
		expect(findBase(map, "debian:12")?.entry.sources).toEqual([{ kind: "image", url: "http://b/x.qcow2" }]);
		expect(findBase(map, "debian:trixie")?.name).toBe("debian:12");
		expect(findBase(map, "debian:13")?.entry.aliases).not.toContain("debian:trixie");
		expect(findBase(map, "ubuntu:24.04")).toBeDefined();
	});

	test("say where they are wrong", async () => {
		await expect(parseMap({ version: 2, bases: {} }, "mine.json")).rejects.toMatchObject({
			code: "BASE_MAP_INVALID",
			details: [expect.stringMatching(/^version: /)],
		});
		await expect(parseMap({ version: 1, bases: { Debian: {} } }, "mine.json")).rejects.toMatchObject({
			code: "BASE_MAP_INVALID",
		});
		await expect(loadMaps(["/nonexistent/map.json"])).rejects.toMatchObject({ code: "BASE_MAP_INVALID" });
	});

	test("must not name keys that nobody has", async () => {
		const map = own("http://a/x.qcow2");
		const checksum = { url: "http://a/SUMS", algorithm: "sha256", signature: { kind: "detached", key: "nobody" } };
		const entry = { ...map.bases["debian:12"], sources: [{ kind: "image", url: "http://a/x.qcow2", checksum }] };
		await expect(parseMap({ version: 1, bases: { "x:1": entry } }, "m.json")).rejects.toThrow(/"nobody"/);
	});
});
