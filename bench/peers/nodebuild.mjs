/** The reference build with nodebuild. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { program } from "../support.mjs";
import { run } from "./run.mjs";
import { ACCOUNT, CONFIGURE, INSTALL, message } from "../workload.mjs";

/** @param {string} salt makes all steps new @param {string} motd */
const nodefile = (salt, motd) => `FROM debian:12
ENV BENCH=${salt}
RUN ${INSTALL}
COPY app /opt/app
RUN ${CONFIGURE}
RUN ${ACCOUNT}
RUN ${message(motd)}
`;

/** @typedef {{ time: string; type: string; id?: string; title?: string; milliseconds?: number; freezeMilliseconds?: number }} Event */

/** @param {string} folder */
export function nodebuild(folder) {
	let salt = "";
	return {
		name: "nodebuild",
		lacks: () => /** @type {string[]} */ ([]),
		/** The base is fetched or bootstrapped, and has booted once on this QEMU and processor. */
		prepare() {
			run(process.execPath, [program, "bases", "warm", "debian:12"]);
		},
		/** Forget what was built. @param {string} word */
		forget(word) {
			salt = word;
		},
		/** @param {import("../workload.mjs").Workload} workload */
		build({ motd }) {
			writeFileSync(join(folder, "Nodefile"), nodefile(salt, motd));
			return build(folder);
		},
		remove() {},
	};
}

/** @param {string} folder @returns {Record<string, number>} seconds of what nodebuild says of itself */
function build(folder) {
	const begun = Date.now();
	const args = [program, "build", "--progress", "json", "-f", join(folder, "Nodefile"), folder];
	const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 256 << 20 });
	if (status !== 0) throw new Error(`nodebuild ended with ${status}:\n${stdout.slice(-1500)}\n${stderr.slice(-3000)}`);
	const events = `${stdout}\n${stderr}`.split("\n").flatMap(event);
	const started = events.find(({ type }) => type === "step-start");
	return started === undefined ? {} : { "first command": (Date.parse(started.time) - begun) / 1000 };
}

/** @param {string} line @returns {Event[]} */
function event(line) {
	try {
		return [JSON.parse(line)];
	} catch {
		return [];
	}
}
