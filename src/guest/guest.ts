/** A guest over SSH, or by the program that has waited in it, with the reboots that a Nodefile's own steps cause. */
import type { Duplex, Readable } from "node:stream";
import { NodebuildError } from "../errors.ts";
import type { Env } from "../plan/types.ts";
import { readEnvironment } from "../system/env.ts";
import { typedInput } from "../system/stdin.ts";
import { lookUpUser } from "./accounts.ts";
import type { AgentConnection } from "./agent/agent.ts";
import { commandLine, secretScript } from "./command.ts";
import { connectAgent, connectUntil, processGone, type SshGuestOptions } from "./connect.ts";
import type { Connection } from "./connection.ts";
import { brokenOff, type RebootingGuest } from "./reboot.ts";
import type { SshConnection } from "./ssh.ts";
import type { CapturedResult, ExecOptions, InteractiveOptions, ExecResult, ScriptOptions } from "./types.ts";
import type { ResolvedUser } from "./users.ts";
import { wakeUp } from "./wake.ts";

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Milliseconds for a guest to start the program that waits in it. */
const AGENT_START = 60_000;
/** Bytes: the shell gets it as one argument, and Linux has none of 128 KiB or more (MAX_ARG_STRLEN, execve(2)). */
const LONGEST_LINE = 120_000;
const OUR_ENV: readonly (readonly [string, string])[] = [
	["PATH", PATH],
	["LC_ALL", "C.UTF-8"],
];

export class SshGuest implements RebootingGuest {
	readonly #options: SshGuestOptions;
	/** The guest's boot id when it was last settled. */
	bootId: string | undefined;
	/** What commands run over. */
	#connection: Connection;
	/** Where terminals and sockets need one, and `#connection` is none. */
	#login: Promise<SshConnection> | undefined;
	#gone = false;
	/** Command lines that were sent as files. */
	#parked = 0;
	/** The program in the guest, where it and not its sshd answers. */
	#agent: AgentConnection | undefined;
	/** The program that was found or started, until the guest reboots or a step ends it; without a key: it cannot run one. */
	#waiting: { readonly key: string | undefined } | undefined;
	/** Is being connected anew. */
	#reconnecting: Promise<void> | undefined;
	/** What goes ahead of each command until the first of them has ended. */
	#prelude: (() => string) | undefined;

	private constructor(options: SshGuestOptions, connection: Connection, agent?: AgentConnection) {
		this.#options = options;
		this.#connection = connection;
		this.#agent = agent;
		if (agent !== undefined) this.#waiting = { key: agent.key };
		options.gone.then(() => {
			this.#gone = true;
		});
	}

	/** Try until the guest answers. @throws NodebuildError MACHINE_NOT_READY, MACHINE_LOST, INTERRUPTED. */
	static async connect(options: SshGuestOptions): Promise<SshGuest> {
		const { resumed, bootTimeout } = options;
		const agent = await connectAgent(options);
		if (agent !== undefined) return new SshGuest(options, agent, agent);
		const login = await connectUntil(options, resumed?.timeout ?? bootTimeout);
		const guest = new SshGuest(options, login);
		guest.#login = Promise.resolve(login);
		if (resumed !== undefined) guest.prepend(wakeUp);
		return guest;
	}

	/** Key of the program that waits in the guest, to be reached by once it was frozen; undefined: none does. */
	get agentKey(): string | undefined {
		return this.#waiting?.key;
	}

	/** Shell that our sshd's own shell runs ahead of the next command: a round trip less than a command of its own. */
	prepend(prelude: () => string): void {
		this.#prelude = prelude;
	}

	/** Have the program in the guest that answers at `address` once it was frozen, where none does and it can run one. */
	async startAgent(address: string, port: number): Promise<void> {
		if (this.#waiting !== undefined) return;
		const { generateAgentKey, startAgent } = await import("./agent/start.ts");
		const key = generateAgentKey();
		const stdin = startAgent({ key, address, port });
		const started = await this.capture({ argv: ["/bin/sh", "-s"], stdin, place: "access", timeout: AGENT_START });
		if (!started.rebooted) this.#waiting = { key: started.status === 0 ? key : undefined };
	}

	async exec(options: ExecOptions): Promise<ExecResult> {
		const user = await this.#user(options.user);
		const secrets = options.secretEnv ?? [];
		const stdin = secrets.length > 0 ? secretScript(secrets) : options.stdin;
		const env = withHome(options.env ?? OUR_ENV, user);
		const line = commandLine({
			argv: options.argv,
			env,
			cwd: options.cwd ?? "/",
			network: options.network ?? "default",
			stdin: stdin !== undefined,
			secrets: secrets.length > 0,
			...(options.place === undefined ? {} : { place: options.place }),
			...(user === undefined ? {} : { user }),
		});
		// A step may have ended the program: its sshd is there still, and this command has not begun.
		if (this.#agent?.open === false) await this.reconnect();
		const command = `${this.#prelude?.() ?? ""}${this.#agent === undefined ? await this.#sendable(line) : line}`;
		const limit = options.timeout === undefined ? [] : [AbortSignal.timeout(options.timeout)];
		const signals = [...limit, ...[options.signal, this.#options.signal].filter((signal) => signal !== undefined)];
		const result = await this.#connection
			.exec(command, {
				...(stdin === undefined ? {} : { stdin }),
				...(user === undefined && secrets.length === 0 ? directOf(options, env) : {}),
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
			onStdout: (data) => {
				stdout.push(data);
				options.onStdout?.(data);
			},
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
		const { attachTerminal } = await import("./terminal.ts");
		return attachTerminal(await this.#loggedIn(), `${this.#prelude?.() ?? ""}${line}`, {
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

	async forwardSocket(path: string, onConnection: (stream: Duplex) => void): Promise<() => Promise<void>> {
		return (await this.#loggedIn()).forwardSocket(path, onConnection);
	}

	async #loggedIn(): Promise<SshConnection> {
		this.#login ??= connectUntil(this.#options, this.#options.resumed?.timeout ?? this.#options.bootTimeout);
		return await this.#login;
	}

	/** Wait until the guest is up again: after a reboot, or when the connection broke. */
	async reconnect(): Promise<void> {
		this.#reconnecting ??= this.#reconnect().finally(() => {
			this.#reconnecting = undefined;
		});
		await this.#reconnecting;
	}

	async #reconnect(): Promise<void> {
		this.abandon();
		if (this.#gone) throw processGone();
		const login = await connectUntil(this.#options, this.#options.bootTimeout);
		this.#connection = login;
		this.#agent = undefined;
		this.#waiting = undefined;
		this.#login = Promise.resolve(login);
	}

	/** Resolves when the connection is gone; a guest that shuts down ends it. */
	get disconnected(): Promise<void> {
		return this.#connection.closed;
	}

	async close(): Promise<void> {
		await this.#connection.close();
		await this.#login?.then((login) => login.close(), ignore);
	}

	/** The machine is about to be ended: drop the connection without a word. */
	abandon(): void {
		this.#connection.destroy();
		this.#login?.then((login) => login.destroy(), ignore);
		this.#login = undefined;
	}

	/** A command whose exit status nobody heard is done only if an orderly reboot ended it. */
	async #requireReboot(options: ExecOptions): Promise<void> {
		const before = this.bootId;
		const answer = await this.#connection.exec("cat /proc/sys/kernel/random/boot_id", {
			onStdout: (data) => {
				this.bootId = Buffer.from(data).toString("utf8").trim();
			},
		});
		if (answer.status === undefined) {
			await this.reconnect();
			return this.#requireReboot(options);
		}
		if (this.bootId !== before && (await this.#options.crashed?.()) !== true) return;
		throw brokenOff(options.argv.join(" "), this.bootId !== before);
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

/** What can be run without a shell of ours, when what it runs is there. */
function directOf({ argv, cwd = "/", network = "default", place = "machine", builtin }: ExecOptions, env: Env) {
	const plain = place === "machine" && network === "default" && argv[0]?.startsWith("/") === true;
	return plain && ![cwd, ...argv, ...env.flat()].some((word) => word.includes("\0"))
		? { direct: { argv, env, cwd, builtin } }
		: {};
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

/** A login that failed was told to whoever asked for it. */
function ignore(): void {}
