/** A way to run command lines in a guest. */
import type { Readable } from "node:stream";
import { messageOf, NodebuildError } from "../errors.ts";
import type { Env } from "../plan/types.ts";
import type { Builtin } from "./types.ts";

export interface ChannelOptions {
	readonly stdin?: Readable | Uint8Array | string;
	readonly onStdout?: (data: Uint8Array) => void;
	readonly onStderr?: (data: Uint8Array) => void;
	readonly signal?: AbortSignal;
	/** The same command, for who can run it without a shell. */
	readonly direct?: DirectCommand;
}

/** A program in the machine's own namespaces, as root. */
export interface DirectCommand {
	/** The first is an absolute path. */
	readonly argv: readonly string[];
	readonly env: Env;
	readonly cwd: string;
	/** What it does, when whoever runs it can do so without a program. */
	readonly builtin?: Builtin | undefined;
}

export interface ChannelResult {
	/** 128 + signal number when a signal ended it. Undefined: the connection ended before the command did. */
	readonly status: number | undefined;
}

export interface Connection {
	readonly open: boolean;
	readonly closed: Promise<void>;
	/**
	 * Run a line of shell as root, in the namespaces of our sshd.
	 * @throws NodebuildError INTERRUPTED when the signal fires, MACHINE_LOST when the guest refuses it.
	 */
	exec(command: string, options?: ChannelOptions): Promise<ChannelResult>;
	close(): Promise<void>;
	/** End it without a word to the other side. */
	destroy(): void;
}

/** Milliseconds that output may still come after a command has ended (a background process holds the pipe). */
export const DRAIN = 300;

export function interrupted(): NodebuildError {
	return new NodebuildError({ code: "INTERRUPTED", message: "interrupted" });
}

export function refused(cause: unknown): NodebuildError {
	return new NodebuildError({
		code: "MACHINE_LOST",
		message: `the machine refused a command: ${messageOf(cause)}`,
		cause,
	});
}
