import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadMaps, nodefileOf } from "../../../src/bases/index.ts";
import { parseMap } from "../../../src/bases/map.ts";
import { builtinMap } from "../../../src/bases/map.ts";
import { temporaryFolder } from "./server.ts";

const find = (text: string) => nodefileOf(text, { map: builtinMap(), directory: "/work" });

describe("a FROM that means a Nodefile", () => {
	test.each([
		["./Nodefile.node", "/work/Nodefile.node", "/work"],
		["../os/Nodefile", "/os/Nodefile", "/os"],
		["/a/base.nodefile", "/a/base.nodefile", "/a"],
		["./Dockerfile", "/work/Dockerfile", "/work"],
	])("%s", (text, path, context) => {
		expect(find(text)).toEqual({ path, context });
	});

	test.each(["debian:12", "./disk.qcow2", "./Nodefile.qcow2", "https://example.org/Nodefile", "./nodefiles/disk"])(
		"is not %s",
		(text) => {
			expect(find(text)).toBeUndefined();
		},
	);

	test("takes no digest", () => {
		expect(() => find(`./Nodefile#sha256=${"0".repeat(64)}`)).toThrow(
			/expected no digest after the name of a Nodefile/,
		);
	});
});

test("a base map names Nodefiles from its own folder", async () => {
	const folder = await temporaryFolder();
	const file = join(folder, "bases.json");
	const entry = {
		title: "Our hardened system",
		family: "debian",
		architectures: { amd64: "amd64" },
		sources: [{ kind: "nodefile", path: "os/Nodefile", context: ".", target: "plain" }],
	};
	await writeFile(file, JSON.stringify({ version: 1, bases: { "base-os:latest": entry } }));
	const map = await loadMaps([file]);
	expect(nodefileOf("base-os", { map, directory: "/" })).toEqual({
		path: join(folder, "os/Nodefile"),
		context: folder,
		target: "plain",
	});
});

test("a base map with a Nodefile and other sources for one base is refused", async () => {
	const sources = [
		{ kind: "image", url: "https://example.org/{arch}.qcow2" },
		{ kind: "nodefile", path: "os/Nodefile" },
	];
	const entry = { title: "Ours", family: "debian", architectures: { amd64: "amd64" }, sources };
	await expect(parseMap({ version: 1, bases: { "base-os:latest": entry } }, "bases.json")).rejects.toMatchObject({
		code: "BASE_MAP_INVALID",
		details: [expect.stringMatching(/sources: a source of the kind nodefile has to be the only one/)],
	});
});
