/** What runs again after a change: the table of docs/kubernetes.md, from plans of the Nodefiles themselves. */
import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildOptions } from "../../../src/build/types.ts";
import { explain } from "../../../src/build/explain.ts";

const CHAIN = ["base-os", "node", "worker"];
const SAME = { KUBERNETES_VERSION: "1.34.1" };

let home: string;
const before = new Map<string, readonly string[]>();

beforeAll(async () => {
	home = await mkdtemp(join(tmpdir(), "nodebuild-layers-"));
	for (const name of CHAIN) before.set(name, await keys(name, {}));
}, 60_000);
afterAll(() => rm(home, { recursive: true }));

async function keys(
	name: string,
	buildArgs: Readonly<Record<string, string>>,
	more: Partial<BuildOptions> = {},
): Promise<readonly string[]> {
	const { plan } = await explain({
		nodefile: `nodefiles/Nodefile.${name}`,
		context: "nodefiles",
		tags: [],
		buildArgs: { ...SAME, ...buildArgs },
		noCache: false,
		outputs: [],
		memory: 512,
		cpus: 1,
		baseMaps: [],
		offline: false,
		labels: {},
		verify: false,
		shellOnError: false,
		home,
		platform: "linux/amd64",
		signal: new AbortController().signal,
		emit: () => undefined,
		...more,
	});
	return plan.stages.flatMap(({ steps }) => steps.filter(({ effects }) => effects.length > 0).map(({ key }) => key));
}

/** Steps of each Nodefile that a store with the layers of `SAME` lacks. */
async function again(change: Readonly<Record<string, string>>): Promise<readonly number[]> {
	const counts: number[] = [];
	for (const name of CHAIN) {
		const old = before.get(name) ?? [];
		counts.push((await keys(name, change)).filter((key) => !old.includes(key)).length);
	}
	return counts;
}

/** A role that does nothing. */
const ROLE = mkdtempSync(join(tmpdir(), "nodebuild-role-"));
mkdirSync(join(ROLE, "tasks"));
afterAll(() => rm(ROLE, { recursive: true }));
const EXECUTABLE = {
	load_additional_components: "true",
	additional_executables: "true",
	additional_executables_list: "https://example.org/tool",
};

const CHANGES: readonly (readonly [row: string, change: Readonly<Record<string, string>>])[] = [
	["nothing", {}],
	// What image-builder's common.json has.
	["nothing", { extra_debs: "", extra_repos: "", firstboot_custom_roles_pre: "", pip_conf_file: "", no_proxy: "" }],
	["nothing", { additional_executables_destination_path: "", containerd_additional_settings: "", pause_image: "" }],
	["list of images to pull, CNI, CCM or autoscaler version", { CNI: "flannel" }],
	["list of images to pull, CNI, CCM or autoscaler version", { AUTOSCALER_VERSION: "v1.34.9" }],
	["`pause_image`, containerd settings", { pause_image: "registry.example.org/pause:1" }],
	["Kubernetes patch release, another minor version", { KUBERNETES_VERSION: "1.34.2" }],
	["Kubernetes patch release, another minor version", { KUBERNETES_VERSION: "1.33.6" }],
	["`containerd_version`", { containerd_version: "1.7.28" }],
	["`extra_debs`", { extra_debs: "nfs-common" }],
	["OS patch (`OS_PATCH=2026-11-21`)", { OS_PATCH: "2026-11-21" }],
	["an executable, a role in `node_custom_roles_post`", { ...EXECUTABLE }],
	["an executable, a role in `node_custom_roles_post`", { node_custom_roles_post: ROLE }],
	["a role in `node_custom_roles_pre`", { node_custom_roles_pre: ROLE }],
	["a role in `firstboot_custom_roles_post`", { firstboot_custom_roles_post: ROLE }],
	["a role in `firstboot_custom_roles_pre`", { firstboot_custom_roles_pre: ROLE }],
];

describe("what runs again", () => {
	const document = readFileSync("docs/kubernetes.md", "utf8");

	test.each(CHANGES)("after a change of %s is what the table says (%j)", async (row, change) => {
		const line = document.split("\n").find((text) => text.startsWith(`| ${row} |`)) ?? "";
		expect(await again(change)).toEqual([...line.matchAll(/\| (\d+)/g)].map(([, count]) => Number(count)));
	});

	test("after a change of a secret is nothing", async () => {
		const secrets = new Map(["registry", "download"].map((id) => [id, { value: "files.example.org me:secret" }]));
		expect(await keys("worker", EXECUTABLE, { secrets })).toEqual(await keys("worker", EXECUTABLE));
	});

	test("for another role starts from the same node image", async () => {
		const args = { ...SAME };
		const bases = await Promise.all(
			["worker", "control-plane", "combined"].map(async (name) => (await keys(name, args)).length),
		);
		expect(bases).toEqual([4, 4, 4]);
	});
});
