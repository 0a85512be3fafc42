import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { applyProfile } from "../../../src/build/profile.ts";
import type { BuildOptions } from "../../../src/build/types.ts";
import type { BuildEvent } from "../../../src/events.ts";
import { parseNodefile } from "../../../src/instructions/index.ts";
import { parseText } from "../../../src/nodefile/index.ts";
import { tempDir } from "../system/child.ts";

const KUBERNETES = { profile: "kubernetes", others: { role: "worker" } };

/** With these ARGs. */
const nodefileOf = (...args: readonly string[]) =>
	parseNodefile(parseText(["FROM x", ...args.map((arg) => `ARG ${arg}`)].join("\n"), "Nodefile"));

const ARGS = ["KUBERNETES_VERSION", "extra_debs", "extra_repos_content"];
const DECLARED = nodefileOf(...ARGS);

function setup(more: Partial<BuildOptions>) {
	const events: BuildEvent[] = [];
	const options: BuildOptions = {
		nodefile: "Nodefile",
		context: ".",
		tags: [],
		buildArgs: {},
		noCache: false,
		outputs: [],
		memory: 512,
		cpus: 1,
		baseMaps: [],
		offline: true,
		labels: {},
		verify: false,
		shellOnError: false,
		home: "/nowhere",
		platform: "linux/amd64",
		signal: new AbortController().signal,
		emit: (event) => events.push(event),
		...more,
	};
	return { options, events };
}

const file = (name: string, value: unknown, from = "the file a.json") => ({ name, value, from });

describe("a Nodefile with a profile", () => {
	test("takes --build-arg over files over the environment", async () => {
		const environment = { KUBERNETES_VERSION: "1.31.0", extra_debs: "one", http_proxy: "http://host:1" };
		const apply = async (more: Partial<BuildOptions>) =>
			(await applyProfile(KUBERNETES, setup({ environment, ...more }).options, DECLARED)).buildArgs;
		expect(await apply({})).toEqual({ KUBERNETES_VERSION: "1.31.0", extra_debs: "one" });
		const variables = [file("extra_debs", "two"), file("extra_debs", "three", "the file b.json")];
		expect(await apply({ variables })).toMatchObject({ KUBERNETES_VERSION: "1.31.0", extra_debs: "three" });
		const buildArgs = { extra_debs: "four", KUBERNETES_VERSION: "v1.34.1" };
		expect(await apply({ variables, buildArgs })).toMatchObject({ KUBERNETES_VERSION: "1.34.1", extra_debs: "four" });
	});

	test("gives files of variables what they name of the environment", async () => {
		const variables = [file("extra_debs", "{{env `PACKAGES`}}")];
		const { options } = setup({ variables, environment: { PACKAGES: "vim" } });
		expect((await applyProfile(KUBERNETES, options, DECLARED)).buildArgs.extra_debs).toBe("vim");
	});

	test("warns of variables once in a build, also where only a parent has a profile", async () => {
		const { options, events } = setup({
			buildArgs: { KUBERNETES_VERSION: "1.34.1", CNI: "none", CNI_VERSION: "1.2.3" },
			trail: ["/child/Nodefile"],
		});
		for (let times = 0; times < 2; times++) await applyProfile(KUBERNETES, options, DECLARED);
		expect(events).toEqual([{ type: "warning", message: "CNI_VERSION is of no image: CNI is none" }]);
	});

	test("gets its own ARGs from files of variables too, below --build-arg", async () => {
		const variables = [file("BASE", "debian:13"), file("not_declared", "x"), file("OS_PATCH", null)];
		const declared = nodefileOf(...ARGS, "BASE", "OS_PATCH");
		const { buildArgs } = await applyProfile(KUBERNETES, setup({ variables }).options, declared);
		expect(buildArgs).toMatchObject({ BASE: "debian:13" });
		expect(buildArgs).not.toHaveProperty("not_declared");
		expect(buildArgs).not.toHaveProperty("OS_PATCH");
		const given = setup({ variables, buildArgs: { BASE: "debian:12" } }).options;
		expect((await applyProfile(KUBERNETES, given, declared)).buildArgs).toMatchObject({ BASE: "debian:12" });
	});

	test("gets only what it declares, proxies that were asked for, and what the profile does not know", async () => {
		const { options } = setup({
			buildArgs: { kubernetes_series: "v1.34", http_proxy: "http://p:3128", MINE: "1", KUBERNETES_VERSION: "1.34.1" },
		});
		const { buildArgs, diskSize, labels } = await applyProfile(KUBERNETES, options, DECLARED);
		expect(buildArgs).toEqual({
			MINE: "1",
			http_proxy: "http://p:3128",
			KUBERNETES_VERSION: "1.34.1",
		});
		expect(diskSize).toBe(40 * 2 ** 30);
		expect(labels).toMatchObject({ "io.nodebuild.purpose": "Kubernetes Worker" });
	});

	test("is not given empty texts, but where they are something else than its ARG's default", async () => {
		const empty = { extra_debs: "", extra_rpms: '""', pip_conf_file: null, containerd_additional_settings: "" };
		const variables = Object.entries(empty).map(([name, value]) => file(name, value));
		const nodefile = nodefileOf("extra_debs", "extra_rpms=vim", "pip_conf_content", "containerd_additional_settings");
		expect((await applyProfile(KUBERNETES, setup({ variables }).options, nodefile)).buildArgs).toEqual({
			extra_rpms: "",
		});
	});

	test("gets the content of files, so that a change of one is a change of the build", async () => {
		const folder = await tempDir();
		const list = join(folder, "internal.list");
		await writeFile(list, "deb http://mirror ./\n");
		const { options } = setup({ variables: [file("extra_repos", list)] });
		const { buildArgs } = await applyProfile(KUBERNETES, options, DECLARED);
		expect(buildArgs.extra_repos_content).toBe(
			`internal.list:${Buffer.from("deb http://mirror ./\n").toString("base64")}`,
		);
		const missing = setup({ variables: [file("extra_repos", "/nowhere/x.list")] });
		await expect(applyProfile(KUBERNETES, missing.options, DECLARED)).rejects.toMatchObject({
			code: "USAGE",
			message: expect.stringContaining("expected extra_repos to name a file of this host, got /nowhere/x.list"),
		});
	});

	test("is refused files that are too large together for one variable of the environment", async () => {
		const folder = await tempDir();
		const paths = ["a.list", "b.list"].map((name) => join(folder, name));
		const apply = () =>
			applyProfile(KUBERNETES, setup({ variables: [file("extra_repos", paths.join(" "))] }).options, DECLARED);
		for (const path of paths) await writeFile(path, Buffer.alloc(48 * 1024));
		await expect(apply()).rejects.toMatchObject({
			code: "USAGE",
			message: expect.stringMatching(
				/expected the files of extra_repos to have at most 131051 bytes together, .* got 131087 \(.*a\.list .*b\.list\)/,
			),
		});
		for (const path of paths) await writeFile(path, Buffer.alloc(47 * 1024));
		const { buildArgs } = await apply();
		// What the machine's kernel says of it, this one says as well.
		expect(spawnSync("true", { env: { extra_repos_content: buildArgs.extra_repos_content ?? "" } }).status).toBe(0);
	});

	test("is refused any value that is too long for one, where an ARG takes it", async () => {
		const variables = [file("extra_debs", "a ".repeat(70_000))];
		await expect(applyProfile(KUBERNETES, setup({ variables }).options, DECLARED)).rejects.toMatchObject({
			code: "USAGE",
			message: "expected extra_debs to have at most 131060 bytes, got 139999",
		});
		const { buildArgs } = await applyProfile(
			KUBERNETES,
			setup({ variables }).options,
			nodefileOf("KUBERNETES_VERSION"),
		);
		expect(buildArgs).not.toHaveProperty("extra_debs");
	});

	test("is refused a configuration of containerd that is no TOML", async () => {
		const config = join(await tempDir(), "config.toml");
		const { options } = setup({ variables: [file("containerd_config_file", config)] });
		const nodefile = nodefileOf("containerd_config_content");
		await writeFile(config, "version = 2\n[plugins\n");
		await expect(applyProfile(KUBERNETES, options, nodefile)).rejects.toMatchObject({
			code: "USAGE",
			message: expect.stringMatching(/config\.toml \(containerd_config_file\) cannot be used: line 2, column \d+: /),
		});
		await writeFile(config, "version = 2\n");
		expect((await applyProfile(KUBERNETES, options, nodefile)).buildArgs.containerd_config_content).toMatch(
			/^config\.toml:/,
		);
	});

	test("gets the text of the file that ansible_user_vars names, for the key of its roles", async () => {
		const vars = join(await tempDir(), "vars.yml");
		await writeFile(vars, "color: blue\n");
		const given = (value: string) => setup({ variables: [file("ansible_user_vars", value)] }).options;
		expect((await applyProfile(KUBERNETES, given(`@${vars}`), DECLARED)).roles?.vars).toBe("color: blue\n");
		expect((await applyProfile(KUBERNETES, given("color=blue"), DECLARED)).roles?.vars).toBe('{"color":"blue"}');
		await expect(applyProfile(KUBERNETES, given("@/nowhere"), DECLARED)).rejects.toMatchObject({
			code: "USAGE",
			message: expect.stringContaining("expected ansible_user_vars to name a file of this host, got /nowhere"),
		});
	});

	test("has its directive's place in what is refused, and its own disk size", async () => {
		const at = { file: "Nodefile", line: 1, column: 1, text: "# nodebuild=..." };
		const wrong = { ...KUBERNETES, others: { role: "master" }, at };
		await expect(applyProfile(wrong, setup({}).options, nodefileOf())).rejects.toMatchObject({
			code: "NODEFILE_INVALID",
			at,
		});
		const sized = { ...KUBERNETES, diskSize: 5 };
		expect((await applyProfile(sized, setup({}).options, nodefileOf())).diskSize).toBe(5);
	});
});

describe("a Nodefile without a profile", () => {
	test("takes variables of files for the ARGs of their names", async () => {
		const variables = [file("NAME", "a"), file("SIZE", 3), file("OTHER", "x"), file("NAMES", "y")];
		const { options, events } = setup({ variables, buildArgs: { NAME: "b" } });
		const { buildArgs } = await applyProfile({ others: {} }, options, nodefileOf("NAME", "SIZE"));
		expect(buildArgs).toEqual({ NAME: "b", SIZE: "3" });
		expect(events).toEqual([
			{ type: "warning", message: "the file a.json has the unknown variable NAMES (did you mean NAME?)" },
		]);
	});
});
