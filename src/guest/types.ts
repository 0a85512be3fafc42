/** What one can do inside a machine. Implemented over SSH in ssh.ts; tests may bring another. */
import type { Duplex, Readable } from "node:stream";
import type { Env } from "../plan/types.ts";

/**
 * Where a command runs: in the machine's own namespaces; in those of our sshd, which nothing of the machine sees;
 * or in a mount namespace, named by its file there (see mount-namespace.ts).
 */
export type Place = "machine" | "access" | { readonly mounts: string };

/**
 * What the program that waits in a frozen machine can do by itself instead of a shell: settle it before a freeze
 * (reboot.ts), seal it (image/seal.ts).
 */
export interface Builtin {
	readonly name: "settle" | "seal";
	/** What it is told. */
	readonly request?: string;
}

/** Where a guest's build access answers on this host. */
export interface SshAddress {
	readonly host: string;
	readonly port: number;
	/** The one host key that is accepted, as in known_hosts: "ssh-ed25519 AAAA...". */
	readonly hostKey: string;
}

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
	/** Default "machine". */
	readonly place?: Place;
	/** The program that waits in a frozen machine may know how to do this itself. */
	readonly builtin?: Builtin;
	/** Variables beside `env` that must be in no argument list: they go over standard input, so it is the command's no more. */
	readonly secretEnv?: readonly (readonly [name: string, value: Uint8Array])[];
}

export interface ScriptOptions {
	/** What it prints, as it comes. */
	readonly onStdout?: (data: Uint8Array) => void;
	readonly signal?: AbortSignal;
	readonly timeout?: number;
	readonly place?: Place;
	/** See `ExecOptions.builtin`. */
	readonly builtin?: Builtin;
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

export type InteractiveOptions = Pick<ExecOptions, "argv" | "env" | "cwd" | "user" | "signal">;

export interface Guest {
	/** Run a command, streaming its output. Throws only when the machine or connection fails. */
	exec(options: ExecOptions): Promise<ExecResult>;
	/** Run a command and keep its output (for our own queries, not for RUN). */
	capture(options: ExecOptions): Promise<CapturedResult>;
	/** Run a `sh` script given on stdin (never in an argument list); throws when it fails. */
	script(text: string, options?: ScriptOptions): Promise<string>;
	/** An interactive shell or command on our terminal; resolves with its exit status. @throws NodebuildError INTERRUPTED. */
	interactive(options: InteractiveOptions): Promise<number>;
	/**
	 * A unix socket at `path`, as our sshd sees it; whoever connects to it is handed to `onConnection`. It lasts until
	 * the function that this resolves with is called, or the machine reboots.
	 */
	forwardSocket(path: string, onConnection: (stream: Duplex) => void): Promise<() => Promise<void>>;
	/** Ends the connection; the machine runs on. */
	close(): Promise<void>;
}
