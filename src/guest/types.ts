/** What one can do inside a machine. Implemented over SSH in ssh.ts; tests may bring another. */
import type { Readable } from "node:stream";
import type { Env } from "../plan/types.ts";

export interface ExecOptions {
	/** The program and its arguments; no shell is involved. */
	readonly argv: readonly string[];
	/** The whole environment of the command; nothing else is in it. */
	readonly env?: Env;
	/** Default "/". */
	readonly cwd?: string;
	/** `user[:group]`, names or numbers, resolved in the guest. Default root. */
	readonly user?: string;
	/** Default: /dev/null. */
	readonly stdin?: Readable | string | Uint8Array;
	readonly onStdout?: (data: Uint8Array) => void;
	readonly onStderr?: (data: Uint8Array) => void;
	readonly signal?: AbortSignal;
	/** Milliseconds after which the command is ended and MACHINE_LOST is thrown. Default: none. */
	readonly timeout?: number;
	/** "none": a network namespace of its own without interfaces but lo. */
	readonly network?: "default" | "none" | "host";
}

export interface ExecResult {
	/** 128 + signal number when a signal ended it. */
	readonly status: number;
	/** True when the machine went down in an orderly way while the command ran. */
	readonly rebooted: boolean;
}

export interface CapturedResult extends ExecResult {
	readonly stdout: string;
	readonly stderr: string;
}

export interface Guest {
	/** Run a command, streaming its output. Throws only when the machine or connection fails. */
	exec(options: ExecOptions): Promise<ExecResult>;
	/** Run a command and keep its output (for our own queries, not for RUN). */
	capture(options: ExecOptions): Promise<CapturedResult>;
	/** Run a `sh` script given on stdin (never in an argument list); throws when it fails. */
	script(text: string, options?: { readonly signal?: AbortSignal; readonly timeout?: number }): Promise<string>;
	/** An interactive shell or command on our terminal; resolves with its exit status. */
	interactive(options: Pick<ExecOptions, "argv" | "env" | "cwd" | "user">): Promise<number>;
	/** Ends the connection; the machine runs on. */
	close(): Promise<void>;
}
