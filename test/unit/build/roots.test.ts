import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { rootResolver } from "../../../src/build/roots.ts";
import type { ResolveRoot } from "../../../src/build/prepare.ts";
import { NodebuildError } from "../../../src/errors.ts";
import { openStore, type Store } from "../../../src/layers/store.ts";

let home: string;
beforeEach(async () => {
	home = await mkdtemp(join(tmpdir(), "nodebuild-roots-"));
});
afterEach(() => rm(home, { recursive: true }));

function resolver(store: Store, said: string[]): ResolveRoot {
	return rootResolver(
		{
			nodefile: join(home, "Nodefile"),
			platform: "linux/amd64",
			offline: false,
			baseMaps: [],
			memory: 512,
			cpus: 1,
			emit: ({ type }) => said.push(type),
			signal: new AbortController().signal,
		},
		store,
		() => Promise.reject(new Error("no Nodefile is asked for")),
	);
}

test("a base that machines cannot be built on is refused before it is fetched", async () => {
	await using store = await openStore(home);
	const said: string[] = [];
	const resolve = resolver(store, said);
	const at = { file: "Nodefile", line: 1, column: 1, text: "FROM alpine" };
	await expect(resolve("alpine", at)).rejects.toMatchObject({ code: "UNSUPPORTED", at });
	expect(said).toEqual([]);
});

test("a base that the store lacks is not fetched for a build that could not go on", async () => {
	await using store = await openStore(home);
	const said: string[] = [];
	const at = { file: "Nodefile", line: 1, column: 1, text: "FROM debian:12" };
	const lack = new NodebuildError({ code: "HOST_TOOL_MISSING", message: "no ansible" });
	await expect(resolver(store, said)("debian:12", at, "FROM", lack)).rejects.toBe(lack);
	expect(said).toEqual([]);
});
