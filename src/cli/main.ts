/** The process: streams, signals, and the only place that ends it. */

import { isatty } from "node:tty";
import type { NodebuildError } from "../errors.ts";
import { wantsJson } from "./error-format.ts";
import { failed, outputLost, ReaderGone, show } from "./failed.ts";
import type { Io } from "./io.ts";
import { modules } from "./modules.ts";
import { runCli } from "./program.ts";

const INTERRUPTED = 130;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const args = process.argv.slice(2);
const json = wantsJson(args, process.env);
const stopped = new AbortController();
const io: Io = {
	stdout: process.stdout,
	stderr: process.stderr,
	env: process.env,
	cwd: process.cwd(),
	signal: stopped.signal,
	now: Date.now,
};

// `nodebuild images | head -1`: whoever read has gone, which is no error of ours, and the work is for nobody.
let lost: NodebuildError | undefined;
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
	if (stopped.signal.aborted) return;
	if (error.code !== "EPIPE") lost = outputLost(error);
	stopped.abort(lost ?? new ReaderGone());
});
// Of the numbers: a stream of standard input takes milliseconds to make, and hardly any command reads it.
const onTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));

function end(status: number): void {
	const hungUp = onTerminal && stopped.signal.aborted && (stopped.signal.reason as Error).message === "SIGHUP";
	if (hungUp) {
		// The terminal is gone, and node aborts when it cannot set it back as it was: die of the signal, as programs do.
		process.removeAllListeners("SIGHUP");
		process.kill(process.pid, "SIGHUP");
	} else process.exit(lost === undefined ? status : show(lost, io, json));
}

// Progress and errors that nobody can see change nothing of the result.
process.stderr.on("error", () => undefined);

// The first signal asks everything to stop in order, the second does not wait for it.
for (const signal of SIGNALS) {
	process.on(signal, () => {
		if (stopped.signal.aborted) return end(INTERRUPTED);
		stopped.abort(new Error(signal));
	});
}

// A defect somewhere in the background: what holds a machine must not wait for it for ever.
process.on("uncaughtException", (error) => end(failed(error, io, json)));

/** What was written is in the hands of the system: into a pipe, that takes as long as its reader does. */
function drained(stream: NodeJS.WriteStream): Promise<void> {
	return new Promise((resolve) => stream.write("", () => resolve()));
}

async function main(): Promise<void> {
	const status = await runCli(args, io, modules);
	await Promise.all([drained(process.stdout), drained(process.stderr)]);
	end(status);
}

void main();
