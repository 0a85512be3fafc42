/** Scripts of nodefiles/ on this host, with programs of the test's own first on PATH. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { tempDir } from "../system/child.ts";

export const SCRIPTS = "nodefiles/scripts";

export const DEBIAN = 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12"\n';
export const ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\n';

/** A script's text with the system's folders below another one. */
export const below = (folder: string, text: string) =>
	text.replace(
		/(?<![\w.*}])\/(?=(etc|root|home|var\/lib|usr\/share\/nodebuild|usr\/local\/lib\/nodebuild)\b)/g,
		`${folder}/`,
	);

/** What a command of the suite `kubernetes` says, as a shell's text. */
export function commandOfSuite(name: string): string {
	const { command } = parse(readFileSync("nodefiles/suites/kubernetes.yaml", "utf8"));
	return command[name].exec;
}

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
			env: { ...env, NODEBUILD_ADDED: join(folder, "added"), ...more },
			encoding: "utf8",
		});
		return { status, stdout: stdout.trim(), stderr: stderr.trim() };
	};
	/** A whole script, with the folders of the system that it reads and writes below `folder`. */
	const run = (script: string, word: string, more: Readonly<Record<string, string>> = {}) => {
		const lib = `${folder}/usr/local/lib/nodebuild`;
		mkdirSync(lib, { recursive: true });
		for (const name of readdirSync(SCRIPTS))
			writeFileSync(join(lib, name), below(folder, readFileSync(join(SCRIPTS, name), "utf8")));
		const { status, stdout, stderr } = spawnSync("sh", [join(lib, script), word], {
			env: { ...env, NODEBUILD_LIB: lib, NODEBUILD_APT_LISTS: join(folder, "apt-lists"), ...more },
			encoding: "utf8",
		});
		return { status, stdout: stdout.trim(), stderr: stderr.trim() };
	};
	return { call, run, folder, log: () => readFileSync(env.LOG, "utf8").trim().split("\n") };
}
