/** The program under test and the environment it gets. */
import { availableParallelism } from "node:os";
import { resolve } from "node:path";

export const PROGRAM = resolve(import.meta.dirname, "../../../dist/nodebuild.js");

/** Files of tests that run at once. */
export const JOBS = Number(process.env.NODEBUILD_E2E_JOBS ?? 2);

/** Each machine has its share of the cores: emulated processors that wait for each other's turn waste it. */
export const SHARE = Math.max(1, Math.floor(availableParallelism() / JOBS));

/** What a developer may have set for themselves and would change what the tests see. */
const UNWANTED = ["NODEBUILD_MEMORY", "NODEBUILD_CPUS", "NODEBUILD_PROGRESS", "NODEBUILD_DEBUG", "FORCE_COLOR"];

/** This process's environment with the tests' store; NODEBUILD_QEMU and NODEBUILD_ACCEL reach the program. */
export function environment(home: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
	const env: NodeJS.ProcessEnv = { ...process.env };
	for (const name of UNWANTED) delete env[name];
	return { ...env, NODEBUILD_HOME: home, NODEBUILD_CPUS: String(SHARE), NO_COLOR: "1", ...more };
}
