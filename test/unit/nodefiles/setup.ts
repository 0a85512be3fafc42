/** Scripts of nodefiles/ on this host, with programs of the test's own first on PATH. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "../system/child.ts";

export const SCRIPTS = "nodefiles/scripts";

export const DEBIAN = 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12"\n';
export const ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\n';

export async function setup(release: string, programs: Readonly<Record<string, string>> = {}) {
	const folder = await tempDir();
	writeFileSync(join(folder, "os-release"), release);
	const bin = join(folder, "bin");
	mkdirSync(bin);
	for (const [name, text] of Object.entries(programs)) {
		writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
		chmodSync(join(bin, name), 0o755);
	}
	const env = {
		PATH: `${bin}:/usr/bin:/bin`,
		NODEBUILD_LIB: SCRIPTS,
		NODEBUILD_OS_RELEASE: join(folder, "os-release"),
		LOG: join(folder, "log"),
	};
	/** A script's functions, without what it does. */
	const call = (script: string, code: string, more: Readonly<Record<string, string>> = {}) => {
		const text = readFileSync(join(SCRIPTS, script), "utf8").replace(/^case \$\{1:-\}[\s\S]*/m, "");
		const { status, stdout, stderr } = spawnSync("sh", ["-c", `${text}\n${code}`], {
			env: { ...env, ...more },
			encoding: "utf8",
		});
		return { status, stdout: stdout.trim(), stderr: stderr.trim() };
	};
	return { call, folder, log: () => readFileSync(env.LOG, "utf8").trim().split("\n") };
}
