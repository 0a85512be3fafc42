/** A guest over SSH, with the reboots that a Nodefile's own steps cause. */
import type { Duplex, Readable } from "node:stream";
import { messageOf, NodebuildError } from "../errors.ts";
import type { Env } from "../plan/types.ts";
import { readEnvironment } from "../system/env.ts";
import { typedInput } from "../system/stdin.ts";
import { lookUpUser } from "./accounts.ts";
import { commandLine, secretScript } from "./command.ts";
import type { RebootingGuest } from "./reboot.ts";
import { SshConnection, type SshTarget } from "./ssh.ts";
import { attachTerminal } from "./terminal.ts";
import type { CapturedResult, ExecOptions, InteractiveOptions, ExecResult, ScriptOptions } from "./types.ts";
import type { ResolvedUser } from "./users.ts";

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Bytes: the shell gets it as one argument, and Linux has none of 128 KiB or more (MAX_ARG_STRLEN, execve(2)). */
const LONGEST_LINE = 120_000;
const OUR_ENV: readonly (readonly [string, string])[] = [
	["PATH", PATH],
	["LC_ALL", "C.UTF-8"],
];

export interface SshGuestOptions {
	readonly target: SshTarget;
	/** Resolves when the machine's process has ended: waiting for it any longer is useless. */
	readonly gone: Promise<void>;
	/** Whether the kernel said that it crashed. */
	readonly crashed?: () => Promise<boolean>;
	/** Whether the machine is at work, though it does not answer: then it is waited for longer, see `PATIENCE`. */
	readonly atWork?: () => Promise<boolean>;
	/** Milliseconds for the machine to come back after a reboot. */
	readonly bootTimeout: number;
	/** Milliseconds for the first answer, where the machine does not boot first. Default: `bootTimeout`. */
	readonly resumeTimeout?: number;
	readonly signal?: AbortSignal;
}

export class SshGuest implements RebootingGuest {
	readonly #options: SshGuestOptions;
	/** The guest's boot id when it was last settled. */
	bootId: string | undefined;
	#connection: SshConnection;
	#gone = false;
	/** Command lines that were sent as files. */
	#parked = 0;
	/** What goes ahead of each command until the first of them has ended. */
	#prelude: (() => string) | undefined;

	private constructor(options: SshGuestOptions, connection: SshConnection) {
		this.#options = options;
		this.#connection = connection;
		options.gone.then(() => {
			this.#gone = true;
		});
	}

	/** Try until the guest answers. @throws NodebuildError MACHINE_NOT_READY, MACHINE_LOST, INTERRUPTED. */
	static async connect(options: SshGuestOptions): Promise<SshGuest> {
		return new SshGuest(options, await connectUntil(options, options.resumeTimeout ?? options.bootTimeout));
	}

	/** Shell that our sshd's own shell runs ahead of the next command: a round trip less than a command of its own. */
	prepend(prelude: () => string): void {
		this.#prelude = prelude;
	}

	async exec(options: ExecOptions): Promise<ExecResult> {
		const user = await this.#user(options.user);
		const secrets = options.secretEnv ?? [];
		const stdin = secrets.length > 0 ? secretScript(secrets) : options.stdin;
		const line = commandLine({
			argv: options.argv,
			env: withHome(options.env ?? OUR_ENV, user),
			cwd: options.cwd ?? "/",
			network: options.network ?? "default",
			stdin: stdin !== undefined,
			secrets: secrets.length > 0,
			...(options.place === undefined ? {} : { place: options.place }),
			...(user === undefined ? {} : { user }),
		});
		const command = `${this.#prelude?.() ?? ""}${await this.#sendable(line)}`;
		const limit = options.timeout === undefined ? [] : [AbortSignal.timeout(options.timeout)];
		const signals = [...limit, ...[options.signal, this.#options.signal].filter((signal) => signal !== undefined)];
		const result = await this.#connection
			.exec(command, {
				...(stdin === undefined ? {} : { stdin }),
				...(options.onStdout === undefined ? {} : { onStdout: options.onStdout }),
				...(options.onStderr === undefined ? {} : { onStderr: options.onStderr }),
				...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
			})
			.catch((error: unknown) => {
				if (limit[0]?.aborted === true) throw timedOut(options);
				throw error;
			});
		this.#prelude = undefined;
		if (result.status !== undefined) return { status: result.status, rebooted: false };
		await this.reconnect();
		await this.#requireReboot(options);
		return { status: 0, rebooted: true };
	}

	async capture(options: ExecOptions): Promise<CapturedResult> {
		const stdout: Uint8Array[] = [];
		const stderr: Uint8Array[] = [];
		const result = await this.exec({
			...options,
			onStdout: (data) => stdout.push(data),
			onStderr: (data) => stderr.push(data),
		});
		return {
			...result,
			stdout: Buffer.concat(stdout).toString("utf8"),
			stderr: Buffer.concat(stderr).toString("utf8"),
		};
	}

	async script(text: string, options: ScriptOptions = {}): Promise<string> {
		const result = await this.capture({ argv: ["/bin/sh", "-s"], stdin: text, ...options });
		if (result.status === 0) return result.stdout;
		throw new NodebuildError({
			code: "MACHINE_LOST",
			message: `a script of nodebuild ended with status ${result.status} in the machine`,
			details: result.stderr.trimEnd().split("\n").slice(-10),
		});
	}

	async interactive(options: InteractiveOptions): Promise<number> {
		const stdin = typedInput();
		// As with ssh(1): without a terminal here there is none there, and the end of the input is one there too.
		if (!stdin.isTTY) return this.#piped(options, stdin);
		const user = await this.#user(options.user);
		const { term = "xterm" } = readEnvironment();
		const env = [...withHome(options.env ?? OUR_ENV, user), ["TERM", term] as const];
		const line = commandLine({
			argv: options.argv,
			env,
			cwd: options.cwd ?? "/",
			network: "default",
			stdin: true,
			...(user === undefined ? {} : { user }),
		});
		return attachTerminal(this.#connection, `${this.#prelude?.() ?? ""}${line}`, {
			stdin,
			term,
			...(options.signal === undefined ? {} : { signal: options.signal }),
		});
	}

	async #piped(options: InteractiveOptions, stdin: Readable): Promise<number> {
		const { stdout, stderr } = process;
		const { status } = await this.exec({
			...options,
			stdin,
			onStdout: (data) => stdout.write(data),
			onStderr: (data) => stderr.write(data),
		});
		return status;
	}

	forwardSocket(path: string, onConnection: (stream: Duplex) => void): Promise<() => Promise<void>> {
		return this.#connection.forwardSocket(path, onConnection);
	}

	/** Wait until the guest is up again: after a reboot, or when the connection broke. */
	async reconnect(): Promise<void> {
		this.#connection.destroy();
		if (this.#gone) throw processGone();
		this.#connection = await connectUntil(this.#options, this.#options.bootTimeout);
	}

	/** Resolves when the connection is gone; a guest that shuts down ends it. */
	get disconnected(): Promise<void> {
		return this.#connection.closed;
	}

	async close(): Promise<void> {
		await this.#connection.close();
	}

	/** The machine is about to be ended: drop the connection without a word. */
	abandon(): void {
		this.#connection.destroy();
	}

	/** A command whose exit status nobody heard is done only if an orderly reboot ended it. */
	async #requireReboot(options: ExecOptions): Promise<void> {
		const before = this.bootId;
		const answer = await this.#connection.exec("cat /proc/sys/kernel/random/boot_id", {
			onStdout: (data) => {
				this.bootId = Buffer.from(data).toString("utf8").trim();
			},
		});
		if (answer.status === undefined) return this.#requireReboot(options);
		if (this.bootId !== before && (await this.#options.crashed?.()) !== true) return;
		const command = options.argv.join(" ");
		throw new NodebuildError({
			code: "MACHINE_LOST",
			message:
				this.bootId === before
					? `the connection to the machine broke while "${command}" ran; how it ended is not known`
					: `the machine crashed while "${command}" ran, and booted anew`,
			hint: "run the build again: it goes on after the last finished step",
		});
	}

	/** A line that is too long for our sshd's shell goes ahead of itself, as a file that only our sshd sees. */
	async #sendable(line: string): Promise<string> {
		if (Buffer.byteLength(line) <= LONGEST_LINE) return line;
		this.#parked += 1;
		const file = `/run/command-${this.#parked}`;
		const { status } = await this.#connection.exec(`umask 077; cat > ${file}`, { stdin: `rm -f ${file}\n${line}\n` });
		// Undefined: the connection broke, and what follows notices.
		if (status === undefined || status === 0) return `. ${file}`;
		throw new NodebuildError({
			code: "MACHINE_LOST",
			message: `a command line of ${line.length} characters could not be handed to the machine: exit status ${status}`,
		});
	}

	async #user(spec: string | undefined): Promise<ResolvedUser | undefined> {
		if (spec === undefined || spec === "" || spec === "root" || spec === "0") return undefined;
		return lookUpUser(this, spec);
	}
}

/** HOME is the user's, unless it is set. */
function withHome(env: Env, user: ResolvedUser | undefined): Env {
	return env.some(([name]) => name === "HOME") ? env : [...env, ["HOME", user?.home ?? "/root"]];
}

function timedOut(options: ExecOptions): NodebuildError {
	return new NodebuildError({
		code: "MACHINE_LOST",
		message: `the machine did not finish ${options.argv[0] ?? "a command"} within ${options.timeout ?? 0} ms`,
	});
}

function processGone(): NodebuildError {
	return new NodebuildError({ code: "MACHINE_LOST", message: "the machine's QEMU process ended" });
}

/** Milliseconds between two tries; a refused connection costs nothing. */
const RETRY = 200;

/** How many times its time a machine gets at most while it is at work: a busy host gives it little of itself. */
const PATIENCE = 4;

/** Milliseconds that one try may take: at first, and when the guest has shown that it needs more. */
const TRY = 15_000;
const LONG_TRY = 30_000;

async function connectUntil(options: SshGuestOptions, timeout: number): Promise<SshConnection> {
	const begun = performance.now();
	const waited = (): number => performance.now() - begun;
	const goesOn = async (): Promise<boolean> =>
		waited() < timeout || (waited() < PATIENCE * timeout && (await options.atWork?.()) === true);
	let over = false;
	options.gone.then(() => {
		over = true;
	});
	let last: unknown;
	while (await goesOn()) {
		if (options.signal?.aborted === true) throw new NodebuildError({ code: "INTERRUPTED", message: "interrupted" });
		if (over) throw processGone();
		try {
			return await SshConnection.connect(options.target, waited() < 2 * TRY ? TRY : LONG_TRY, options.signal);
		} catch (error) {
			if (error instanceof NodebuildError) throw error;
			last = error;
			await new Promise((resolve) => setTimeout(resolve, RETRY));
		}
	}
	throw new NodebuildError({
		code: "MACHINE_NOT_READY",
		message: `the machine did not answer over SSH within ${Math.round(waited() / 1000)} s: ${messageOf(last)}`,
		hint: "its console's last lines are above; an image needs cloud-init with the NoCloud datasource and an SSH server",
		cause: last,
	});
}
