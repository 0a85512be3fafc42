/** Programs of the host, waited for. */
import { execFileSync } from "node:child_process";

/** Standard output. @param {string} program @param {readonly string[]} args @param {{ cwd?: string }} options */
export function run(program, args, options = {}) {
	return execFileSync(program, [...args], {
		...options,
		encoding: "utf8",
		stdio: ["ignore", "pipe", "pipe"],
		maxBuffer: 2 ** 28,
	});
}
