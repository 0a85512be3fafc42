import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { loadSuite } from "../../../src/build/suite/load.ts";
import { DEBIAN, setup } from "./setup.ts";

test("the suite kubernetes is found by its name, and can be read", async () => {
	const { name, resources } = await loadSuite("kubernetes", {});
	expect(name).toBe("kubernetes");
	expect(resources.length).toBeGreaterThan(40);
});

/** What the suite says of the configuration that node.sh writes. */
async function statusOf(variables: Readonly<Record<string, string>>, change = (config: string) => config) {
	const { call, folder } = await setup(DEBIAN, { containerd: "echo 'containerd containerd.io 1.7.28 abc'" });
	const stamp = `stamp() { echo "$2" >${folder}/"$1"; }`;
	const code = `${stamp}; write_config ${folder}/etc registry.k8s.io/pause:3.9`;
	expect(call("node.sh", code, variables)).toMatchObject({ status: 0, stderr: "" });
	const config = join(folder, "etc/config.toml");
	writeFileSync(config, change(readFileSync(config, "utf8")));
	const name = "containerd has nodebuild's configuration, or the one of containerd_config_file";
	const { command } = parse(readFileSync("nodefiles/suites/kubernetes.yaml", "utf8"));
	const exec: string = command[name].exec;
	const text = exec
		.replaceAll("/usr/share/nodebuild/kubernetes", folder)
		.replaceAll("/etc/containerd/config.toml", config);
	return spawnSync("sh", ["-c", text], { encoding: "utf8" }).status;
}

test("the suite expects nodebuild's lines in its own configuration of containerd only", async () => {
	expect(await statusOf({})).toBe(0);
	expect(await statusOf({}, (config) => config.replace("SystemdCgroup = true", "SystemdCgroup = false"))).toBe(1);
	expect(await statusOf({}, (config) => config.replace(/^imports.*$/m, ""))).toBe(1);
	const own = `own.toml:${Buffer.from("version = 2\n").toString("base64")}`;
	expect(await statusOf({ containerd_config_content: own })).toBe(0);
});

test("the suite expects only those of nodebuild's lines that containerd_additional_settings leave", async () => {
	const settings = (text: string) => ({ containerd_additional_settings: Buffer.from(text).toString("base64") });
	const runc = '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]\n';
	const cgroupfs = settings(`version = 2\n${runc}SystemdCgroup = false\n`);
	const imports = settings('imports = ["/etc/own/*.toml"]\n');
	expect(await statusOf(cgroupfs)).toBe(0);
	expect(await statusOf(imports)).toBe(0);
	const without = (line: RegExp) => (config: string) => config.replace(line, "");
	expect(await statusOf(cgroupfs, without(/^imports.*$/m))).toBe(1);
	expect(await statusOf(imports, without(/^SystemdCgroup.*$/m))).toBe(1);
	expect(await statusOf(settings("oom_score = -9\n"), without(/^SystemdCgroup.*$/m))).toBe(1);
	const other = settings(`version = 3\n${runc}SystemdCgroup = false\n`);
	expect(await statusOf(other)).toBe(0);
	expect(await statusOf(other, without(/^SystemdCgroup.*$/m))).toBe(1);
});

test("a configuration of the user's is written as it is, settings are joined to nodebuild's", async () => {
	const { call, folder } = await setup(DEBIAN, { containerd: "echo 'containerd containerd.io 1.7.28 abc'" });
	mkdirSync(join(folder, "etc"));
	const write = (variables: Readonly<Record<string, string>>) => {
		expect(call("node.sh", `stamp() { :; }; write_config ${folder}/etc pause`, variables).status).toBe(0);
		return readFileSync(join(folder, "etc/config.toml"), "utf8");
	};
	const base64 = (text: string) => Buffer.from(text).toString("base64");
	expect(write({ containerd_config_content: `a.toml:${base64("own = true\n")}` })).toBe("own = true\n");
	expect(write({ containerd_additional_settings: base64("oom_score = -9\n") })).toMatch(/^oom_score = -9\nimports = /);
});
