/** One connection to one guest, and commands over it. */
import { type Duplex, Readable } from "node:stream";
import ssh2, { type Client, type ClientChannel } from "ssh2";
import { type ChannelOptions, type ChannelResult, type Connection, DRAIN, interrupted, refused } from "./connection.ts";
import type { SshAddress } from "./types.ts";

export interface SshTarget extends SshAddress {
	/** Private key, OpenSSH format. */
	readonly key: string;
}

export interface KeyPair {
	readonly private: string;
	readonly public: string;
}

export function generateKeyPair(comment: string): KeyPair {
	for (;;) {
		const pair = ssh2.utils.generateKeyPairSync("ed25519", { comment });
		// One key in 256 begins with a zero byte, which ssh2 1.17 leaves out (mscdex/ssh2#1390): nobody can read that one.
		const broken = [pair.private, pair.public].some((text) => ssh2.utils.parseKey(text) instanceof Error);
		if (!broken) return { private: pair.private, public: pair.public };
	}
}

/** chacha20 is about a third faster than AES in an emulated guest. */
const ALGORITHMS = {
	kex: ["curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256"],
	serverHostKey: ["ssh-ed25519"],
	cipher: ["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes128-ctr"],
	compress: ["none"],
} as const;

export interface Terminal {
	readonly channel: ClientChannel;
	/** The command's exit status. */
	readonly ended: Promise<number>;
}

export class SshConnection implements Connection {
	readonly #client: Client;
	readonly closed: Promise<void>;
	#open = true;

	private constructor(client: Client) {
		this.#client = client;
		this.closed = new Promise((resolve) => {
			client.on("close", () => {
				this.#open = false;
				resolve();
			});
		});
		client.on("error", () => undefined);
	}

	get open(): boolean {
		return this.#open;
	}

	/** @throws Error when nothing answers within `timeout` milliseconds, another host key is shown, or the signal fires. */
	static connect(target: SshTarget, timeout: number, signal?: AbortSignal): Promise<SshConnection> {
		const client = new ssh2.Client();
		const expected = target.hostKey.split(" ")[1] ?? "";
		return new Promise((resolve, reject) => {
			const connection = new SshConnection(client);
			const abort = (): void => {
				client.destroy();
				reject(interrupted());
			};
			if (signal?.aborted === true) return reject(interrupted());
			signal?.addEventListener("abort", abort, { once: true });
			connection.closed.then(() => signal?.removeEventListener("abort", abort));
			client.once("ready", () => {
				signal?.removeEventListener("abort", abort);
				resolve(connection);
			});
			client.once("error", (error) => {
				client.destroy();
				reject(error);
			});
			client.once("close", () => reject(new Error("the connection was closed")));
			client.connect({
				host: target.host,
				port: target.port,
				username: "root",
				privateKey: target.key,
				// Without asking first what there is: each question costs an emulated guest a tenth of a second.
				authHandler: ["publickey"],
				hostVerifier: (key: Buffer) => key.toString("base64") === expected,
				algorithms: {
					...ALGORITHMS,
					kex: [...ALGORITHMS.kex],
					serverHostKey: [...ALGORITHMS.serverHostKey],
					cipher: [...ALGORITHMS.cipher],
					compress: [...ALGORITHMS.compress],
				},
				readyTimeout: timeout,
				keepaliveInterval: 0,
			});
			// The end of one command and the next one's beginning are two small packets: with Nagle's algorithm the second
			// waits 40 ms for the guest's delayed acknowledgement of the first.
			client.setNoDelay(true);
		});
	}

	async exec(command: string, options: ChannelOptions = {}): Promise<ChannelResult> {
		try {
			return await this.#exec(command, options);
		} finally {
			// A command may end, or never start, before it has read everything.
			if (options.stdin instanceof Readable) options.stdin.destroy();
		}
	}

	#exec(command: string, options: ChannelOptions): Promise<ChannelResult> {
		const { signal } = options;
		return new Promise((resolve, reject) => {
			if (signal?.aborted === true) return reject(interrupted());
			if (!this.#open) return resolve({ status: undefined });
			let channel: ClientChannel | undefined;
			this.closed.then(() => channel ?? resolve({ status: undefined }));
			// A guest that hangs does not answer: the wait for the channel must be abortable too.
			const abort = (): void => reject(interrupted());
			signal?.addEventListener("abort", abort, { once: true });
			const answer = (error: Error | undefined, opened?: ClientChannel): void => {
				signal?.removeEventListener("abort", abort);
				channel = opened;
				if (signal?.aborted === true) opened?.close();
				// At once: the exit status may stand in the packet behind this answer.
				else if (opened !== undefined) follow(opened, options).then(resolve, reject);
				else if (this.#open) reject(refused(error));
				else resolve({ status: undefined });
			};
			try {
				this.#client.exec(command, answer);
			} catch {
				// ssh2 throws when the connection broke a moment ago; `closed` is about to say so.
				resolve({ status: undefined });
			}
		});
	}

	/** A command on a terminal of the given size. */
	terminal(command: string, size: { rows: number; cols: number; term: string }): Promise<Terminal> {
		return new Promise((resolve, reject) => {
			this.#client.exec(command, { pty: size }, (error, channel) => {
				if (error !== undefined) return reject(refused(error));
				let status = 0;
				channel.on("exit", (code: number | null) => {
					status = code ?? 128;
				});
				resolve({ channel, ended: new Promise((ended) => channel.on("close", () => ended(status))) });
			});
		});
	}

	/** Listen on a unix socket over there; the function it resolves with ends that. */
	async forwardSocket(path: string, onConnection: (stream: Duplex) => void): Promise<() => Promise<void>> {
		const client = this.#client;
		const take = ({ socketPath }: { socketPath: string }, accept: () => Duplex): void => {
			if (socketPath === path) onConnection(accept());
		};
		await new Promise<void>((resolve, reject) => {
			if (!this.#open) return reject(refused("the connection is gone"));
			client.openssh_forwardInStreamLocal(path, (error) => (error === undefined ? resolve() : reject(refused(error))));
		});
		client.on("unix connection", take);
		return async () => {
			client.off("unix connection", take);
			if (!this.#open) return;
			// Whatever it answers, or if it never does since the machine goes down: nobody is listening any more.
			const done = new Promise<void>((resolve) => client.openssh_unforwardInStreamLocal(path, () => resolve()));
			await Promise.race([done, this.closed]);
		};
	}

	async close(): Promise<void> {
		if (!this.#open) return;
		this.#client.end();
		const timer = setTimeout(() => this.#client.destroy(), 500);
		await this.closed;
		clearTimeout(timer);
	}

	/** End it without a word to the other side. */
	destroy(): void {
		this.#client.destroy();
	}
}

const SIGNALS: Readonly<Record<string, number>> = {
	HUP: 1,
	INT: 2,
	QUIT: 3,
	ILL: 4,
	ABRT: 6,
	FPE: 8,
	KILL: 9,
	USR1: 10,
	SEGV: 11,
	USR2: 12,
	PIPE: 13,
	ALRM: 14,
	TERM: 15,
};

function follow(channel: ClientChannel, options: ChannelOptions): Promise<ChannelResult> {
	return new Promise((resolve, reject) => {
		let status: number | undefined;
		let timer: NodeJS.Timeout | undefined;
		const drain = (): void => {
			if (status === undefined) return;
			clearTimeout(timer);
			timer = setTimeout(() => channel.close(), DRAIN);
		};
		const abort = (): void => {
			channel.close();
			clearTimeout(timer);
			reject(interrupted());
		};
		if (options.signal?.aborted === true) return abort();
		options.signal?.addEventListener("abort", abort, { once: true });
		channel.on("data", (data: Buffer) => {
			options.onStdout?.(data);
			drain();
		});
		channel.stderr.on("data", (data: Buffer) => {
			options.onStderr?.(data);
			drain();
		});
		channel.on("exit", (code: number | null, signal?: string) => {
			status = code ?? 128 + (SIGNALS[signal?.replace(/^SIG/, "") ?? ""] ?? 0);
			drain();
		});
		channel.on("close", () => {
			clearTimeout(timer);
			options.signal?.removeEventListener("abort", abort);
			resolve({ status });
		});
		feed(channel, options.stdin, reject);
	});
}

function feed(channel: ClientChannel, stdin: ChannelOptions["stdin"], reject: (error: unknown) => void): void {
	channel.on("error", () => undefined);
	if (stdin === undefined) channel.end();
	else if (typeof stdin === "string" || stdin instanceof Uint8Array) channel.end(stdin);
	else {
		stdin.once("error", (error) => {
			channel.close();
			reject(error);
		});
		stdin.pipe(channel);
	}
}
