/** What a command line ends with when something was thrown. */
import { CommanderError } from "commander";
import { EXIT_STATUS, NodebuildError } from "../errors.ts";
import { storeFault } from "../layers/fault.ts";
import { readEnvironment } from "../system/env.ts";
import { type Io, wantsColor } from "./io.ts";
import { errorLine } from "./render/error-json.ts";
import { renderError } from "./render/error.ts";

/** As of a process that SIGPIPE ended: 128 and the signal's number. */
const BROKEN_PIPE = 141;

/** Whoever read standard output has gone: the reason that work is stopped for. */
export class ReaderGone extends Error {}

/** Standard output cannot be written; `cause` is the system's error. */
export function outputLost(cause: Error): NodebuildError {
	const full = "code" in cause && cause.code === "ENOSPC";
	return new NodebuildError({
		code: "OUTPUT_FAILED",
		message: `the result could not be written to standard output: ${cause.message}`,
		hint: full
			? "the disk that it is redirected to is full: free some space there, or redirect it elsewhere"
			: "redirect it to a file or a program that can be written to",
		cause,
	});
}

/** The exit status of an error, after showing it: as text, or to a program as JSON. */
export function failed(error: unknown, io: Io, json = false): number {
	// commander has said what there is to say: help and version. Its errors are ours by now.
	if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_STATUS.USAGE;
	const reason: unknown = io.signal.aborted ? io.signal.reason : undefined;
	if (reason instanceof ReaderGone) return BROKEN_PIPE;
	// main.ts says it.
	if (reason instanceof NodebuildError) return reason.exitStatus;
	if (io.signal.aborted && !isDebugging(io)) {
		if (json) return show(INTERRUPTION, io, json);
		io.stderr.write(`${INTERRUPTION.message}\n`);
		return EXIT_STATUS.INTERRUPTED;
	}
	const status = show(error, io, json);
	return io.signal.aborted ? EXIT_STATUS.INTERRUPTED : status;
}

const INTERRUPTION = new NodebuildError({ code: "INTERRUPTED", message: "interrupted: what was finished is kept" });

/** Say what went wrong, and go on: the exit status that it would end with. */
export function show(thrown: unknown, io: Io, json = false): number {
	const error = understood(thrown, io);
	const debug = isDebugging(io);
	const text = json
		? errorLine(error, io.now(), debug)
		: renderError(error, { color: wantsColor(io.stderr, io.env), debug });
	io.stderr.write(text);
	return error instanceof NodebuildError ? error.exitStatus : EXIT_STATUS.INTERNAL;
}

/** What the system says of the store's files, and what failed first where the cleaning up failed as well. */
function understood(thrown: unknown, io: Io): unknown {
	if (thrown instanceof NodebuildError) return thrown;
	if (thrown instanceof Error && thrown.name === "SuppressedError" && "suppressed" in thrown)
		return understood(thrown.suppressed, io);
	return storeFault(homeOf(io), thrown) ?? thrown;
}

/** Whatever else of the environment is wrong has been said, or does not matter any more. */
function homeOf({ env }: Io): string {
	const { NODEBUILD_HOME, XDG_DATA_HOME, HOME } = env;
	return readEnvironment({ NODEBUILD_HOME, XDG_DATA_HOME, HOME }).home;
}

function isDebugging({ env }: Io): boolean {
	return env.NODEBUILD_DEBUG !== undefined && env.NODEBUILD_DEBUG !== "";
}
