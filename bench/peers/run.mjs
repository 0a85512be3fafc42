/** Running what a tool consists of. */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** The programs out of `names` that the search path lacks. @param {readonly string[]} names */
export function lacking(...names) {
	const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];
	return names.filter((name) => !folders.some((folder) => runs(join(folder, name))));
}

/** @param {string} path */
function runs(path) {
	try {
		accessSync(path, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}

/**
 * @param {string} program @param {readonly string[]} args
 * @param {{ cwd?: string; env?: Record<string, string>; input?: string }} [options]
 * @returns {string} standard output
 */
export function run(program, args, options = {}) {
	const { status, stdout, stderr, error } = spawnSync(program, args, {
		...options,
		env: { ...process.env, ...options.env },
		encoding: "utf8",
		maxBuffer: 256 << 20,
	});
	if (status === 0) return stdout;
	throw new Error(`${program} ended with ${status ?? error?.message}:\n${stdout.slice(-1500)}\n${stderr.slice(-3000)}`);
}
