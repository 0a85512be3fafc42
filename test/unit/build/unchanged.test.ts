import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { build } from "../../../src/build/build.ts";
import { chainOf } from "../../../src/build/chain.ts";
import { explain } from "../../../src/build/explain.ts";
import { prepare } from "../../../src/build/prepare.ts";
import { rootResolver } from "../../../src/build/roots.ts";
import type { BuildOptions } from "../../../src/build/types.ts";
import type { BuildEvent } from "../../../src/events.ts";
import { createOverlay } from "../../../src/layers/overlay.ts";
import { backingName } from "../../../src/layers/paths.ts";
import { openStore, type Store } from "../../../src/layers/store.ts";
import { addBase, imageRecord, layerRecord, VIRTUAL_SIZE } from "../layers/fixtures.ts";
import { tempDir } from "../system/child.ts";

const NODEFILE = "FROM debian:12\nWORKDIR /srv\nCOPY app app\nENV A=1\nRUN make -C app\nCMD app/run\n";

/** A project, and a store in which everything has been built. */
async function built() {
	const folder = await tempDir();
	const home = await tempDir();
	await mkdir(join(folder, "app"));
	await writeFile(join(folder, "app/run"), "#!/bin/sh\n");
	await writeFile(join(folder, "Nodefile"), NODEFILE);
	// What is younger than the tick of the clock that stamps files would be read again.
	await new Promise((resolve) => setTimeout(resolve, 30));
	const events: BuildEvent[] = [];
	const options: BuildOptions = {
		nodefile: join(folder, "Nodefile"),
		context: folder,
		tags: [],
		buildArgs: {},
		noCache: false,
		outputs: [],
		diskSize: VIRTUAL_SIZE,
		memory: 512,
		cpus: 1,
		baseMaps: [],
		offline: true,
		labels: {},
		verify: false,
		shellOnError: false,
		home,
		platform: "linux/amd64",
		signal: new AbortController().signal,
		emit: (event) => events.push(event),
	};
	await using store = await openStore(home);
	await addBase(store, "debian:12", { architecture: "amd64" });
	await addEverything(store, options);
	events.length = 0;
	return { folder, options, events };
}

async function addEverything(store: Store, options: BuildOptions): Promise<void> {
	const resolver = rootResolver(options, store, () => Promise.reject(new Error("no Nodefile is asked for")));
	const { plan, roots } = await prepare(options, store, resolver);
	const chain = chainOf(plan, plan.target);
	const base = [...roots.values()][0]?.digest;
	if (base === undefined) throw new Error("expected a base");
	const overlay = async (backing: string, use: (file: string) => Promise<unknown>): Promise<void> => {
		await using work = await store.workDir();
		const file = join(work.path, "overlay.qcow2");
		await createOverlay({ file, backingName: backing, backingFormat: "qcow2", virtualSize: VIRTUAL_SIZE });
		await use(file);
	};
	const root = { ...layerRecord(base, "FROM"), key: chain.rootKey };
	await overlay(backingName("bases", base), (file) => store.layers.commit(root, file));
	let parent = chain.rootKey;
	for (const { key, title } of chain.layered) {
		const record = { ...layerRecord(base, title, parent), key };
		await overlay(backingName("layers", parent), (file) => store.layers.commit(record, file));
		parent = key;
	}
	const layer = await store.layers.find(parent);
	if (layer === undefined) throw new Error("expected a layer");
	const image = { ...imageRecord(layer, "unchanged"), key: plan.imageKey };
	await overlay(backingName("layers", parent), (file) => store.images.add(image, file, ["app"]));
}

/** The only programs from here on are those that look for attributes; returns whether they were started. */
async function withoutPrograms(): Promise<() => boolean> {
	const folder = await tempDir();
	for (const name of ["getfattr", "xargs"]) {
		await writeFile(join(folder, name), `#!/bin/sh\n: > ${folder}/started\n`, { mode: 0o755 });
	}
	const { PATH, NODEBUILD_QEMU = "" } = process.env;
	Object.assign(process.env, { PATH: folder, NODEBUILD_QEMU: "" });
	onTestFinished(() => {
		Object.assign(process.env, { PATH, NODEBUILD_QEMU });
	});
	return () => existsSync(join(folder, "started"));
}

test("a build in which nothing changed starts no program, and says so of each step", async () => {
	const { options, events } = await built();
	const started = await withoutPrograms();
	const { cached, image } = await build(options);
	expect([cached, image.tags, started()]).toEqual([true, ["app:latest"], false]);
	const said = events.flatMap((event) => (event.type.startsWith("step-") ? [event.type] : []));
	expect(said).toEqual(["step-cached", "step-cached", "step-config", "step-cached", "step-config"]);
});

test("a changed file of the context is noticed, and then there is something to start", async () => {
	const { folder, options } = await built();
	await writeFile(join(folder, "app/run"), "#!/bin/ksh\n");
	await withoutPrograms();
	await expect(build(options)).rejects.toMatchObject({ code: "HOST_TOOL_MISSING" });
});

test("a plan without the cache starts at the booted base, which is no step's result", async () => {
	const { options } = await built();
	const plan = await explain({ ...options, noCache: true });
	expect(plan.start).toBe('the layer "FROM"');
	expect(plan.steps.map(({ state }) => state)).toEqual(["run", "run", "config", "run", "config"]);
	expect(plan.image).toBe("build");
});
