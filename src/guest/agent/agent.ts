/** Commands in a guest by the program that has waited in it since before it was frozen; see program.ts. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import {
	type ChannelOptions,
	type ChannelResult,
	type Connection,
	DRAIN,
	interrupted,
	refused,
} from "../connection.ts";
import { builtinMessage, execMessage, wakeMessage } from "./messages.ts";

export interface AgentTarget {
	readonly host: string;
	readonly port: number;
	/** 32 bytes, hexadecimal. */
	readonly key: string;
}

/** To the guest: set the clock, run a line, standard input and its end, nobody listens to a command any more. */
const SEND = { wake: 0, exec: 1, stdin: 2, end: 3, close: 4 } as const;
/** From it: awake, output, exit status, no more output, so many bytes of the input were taken, it could not be run, a shell is to. */
const TAKE = { ready: 0, stdout: 1, stderr: 2, exited: 3, ended: 4, taken: 5, failed: 6, declined: 7 } as const;

const HEAD = 9;
const NONCE = 16;
const PROOF = 32;
const KEY = 32;
/** Bytes of a command's input that may be on their way. */
const WINDOW = 1024 * 1024;

interface Outcome extends ChannelResult {
	/** The program leaves it to a shell. */
	readonly declined?: true;
}

/** One command that runs. */
interface Channel {
	readonly options: ChannelOptions;
	status: number | undefined;
	/** Bytes of input that were sent and not taken. */
	ahead: number;
	/** There is room for more of it. */
	room: () => void;
	drain: NodeJS.Timeout | undefined;
	finish(result: Outcome | Error): void;
}

export class AgentConnection implements Connection {
	readonly closed: Promise<void>;
	readonly #socket: Socket;
	readonly #channels = new Map<number, Channel>();
	#open = true;
	#last = 0;
	#input: Buffer = Buffer.alloc(0);
	/** With it, and no longer with the one that it had when it was frozen, the program can be reached. */
	#key: Buffer;
	#onReady: (problem: string) => void = () => undefined;

	private constructor(socket: Socket, key: Buffer) {
		this.#socket = socket;
		this.#key = key;
		this.closed = new Promise((resolve) => {
			socket.once("close", () => {
				this.#open = false;
				for (const channel of this.#channels.values()) channel.finish({ status: channel.status });
				resolve();
			});
		});
	}

	/** 32 bytes, hexadecimal. */
	get key(): string {
		return this.#key.toString("hex");
	}

	get open(): boolean {
		return this.#open;
	}

	/**
	 * @param wake the guest was frozen: set its clock, and give its kernel random bytes that its twins do not have.
	 * @throws Error when nothing answers within `timeout` milliseconds, or it does not have the key; NodebuildError INTERRUPTED.
	 */
	static async connect(
		target: AgentTarget,
		{ timeout, wake, signal }: { readonly timeout: number; readonly wake: boolean; readonly signal?: AbortSignal },
	): Promise<AgentConnection> {
		if (signal?.aborted === true) throw interrupted();
		const socket = connect({ host: target.host, port: target.port, noDelay: true });
		const connection = new AgentConnection(socket, Buffer.from(target.key, "hex"));
		return await new Promise((resolve, reject) => {
			const fail = (error: Error): void => {
				socket.destroy();
				reject(error);
			};
			const timer = setTimeout(() => fail(new Error(`no answer within ${timeout} ms`)), timeout);
			const abort = (): void => fail(interrupted());
			signal?.addEventListener("abort", abort, { once: true });
			const settled = (): void => {
				clearTimeout(timer);
				signal?.removeEventListener("abort", abort);
			};
			socket.on("error", fail);
			connection.closed.then(() => {
				settled();
				reject(new Error("the connection was closed"));
			});
			connection.#onReady = (problem) => {
				settled();
				if (problem === "") resolve(connection);
				else fail(new Error(problem));
			};
			connection.#introduce(wake, fail);
		});
	}

	/**
	 * Both sides show that they have the key. The guest's processes know it, and those of its twins: it gets a new one at
	 * once, and no twin can be reached with what another one has.
	 */
	#introduce(wake: boolean, fail: (error: Error) => void): void {
		const key = this.#key;
		const nonce = randomBytes(NONCE);
		const proof = (who: string): Buffer => createHmac("sha256", key).update(who).update(nonce).digest();
		const listen = (data: Buffer): void => {
			this.#input = Buffer.concat([this.#input, data]);
			if (this.#input.length < PROOF) return;
			this.#socket.off("data", listen);
			if (!timingSafeEqual(this.#input.subarray(0, PROOF), proof("guest"))) {
				fail(new Error("it does not have the key"));
				return;
			}
			this.#socket.on("data", (more: Buffer) => this.#receive(more));
			const rest = this.#input.subarray(PROOF);
			this.#input = Buffer.alloc(0);
			this.#receive(rest);
		};
		this.#socket.on("data", listen);
		// One message: each round trip costs an emulated guest a twentieth of a second.
		this.#socket.cork();
		this.#socket.write(nonce);
		this.#socket.write(proof("host"));
		this.#key = randomBytes(KEY);
		this.#send(SEND.wake, 0, wakeMessage(wake ? Date.now() / 1000 : 0, this.#key));
		this.#socket.uncork();
	}

	async exec(command: string, options: ChannelOptions = {}): Promise<ChannelResult> {
		const { stdin, signal } = options;
		try {
			if (signal?.aborted === true) throw interrupted();
			if (!this.#open) return { status: undefined };
			const builtin = builtinMessage(options);
			const { stdin: _, ...silent } = options;
			const done = builtin && (await this.#run(builtin, silent));
			if (done !== undefined && done.declined !== true) return done;
			return await this.#run(execMessage(command, options), options);
		} finally {
			// A command may end, or never start, before it has read everything.
			if (stdin instanceof Readable) stdin.destroy();
		}
	}

	#run(message: Buffer, options: ChannelOptions): Promise<Outcome> {
		const { stdin, signal } = options;
		this.#last += 1;
		const number = this.#last;
		return new Promise((resolve, reject) => {
			const abort = (): void => channel.finish(interrupted());
			const channel: Channel = {
				options,
				status: undefined,
				ahead: 0,
				room: () => undefined,
				drain: undefined,
				finish: (result) => {
					clearTimeout(channel.drain);
					signal?.removeEventListener("abort", abort);
					// What is still to be fed finds nobody.
					if (this.#channels.delete(number)) this.#send(SEND.close, number);
					channel.room();
					if (result instanceof Error) reject(result);
					else resolve(result);
				},
			};
			signal?.addEventListener("abort", abort, { once: true });
			this.#channels.set(number, channel);
			this.#send(SEND.exec, number, message);
			if (stdin !== undefined)
				this.#feed(number, channel, stdin).catch((error: unknown) =>
					channel.finish(error instanceof Error ? error : new Error(String(error))),
				);
		});
	}

	/** @throws what the stream ends with. */
	async #feed(number: number, channel: Channel, stdin: NonNullable<ChannelOptions["stdin"]>): Promise<void> {
		const whole = typeof stdin === "string" || stdin instanceof Uint8Array;
		for await (const piece of whole ? [stdin] : stdin) {
			const data = Buffer.from(piece as string | Uint8Array);
			for (let from = 0; from < data.length; from += WINDOW) {
				const part = data.subarray(from, from + WINDOW);
				while (this.#channels.has(number) && channel.ahead > 0 && channel.ahead + part.length > WINDOW)
					await new Promise<void>((resolve) => {
						channel.room = resolve;
					});
				if (!this.#channels.has(number)) return;
				channel.ahead += part.length;
				this.#send(SEND.stdin, number, part);
			}
		}
		if (this.#channels.has(number)) this.#send(SEND.end, number);
	}

	#send(type: number, number: number, data: Uint8Array = Buffer.alloc(0)): void {
		if (!this.#open) return;
		const head = Buffer.alloc(HEAD);
		head.writeUInt8(type, 0);
		head.writeUInt32BE(number, 1);
		head.writeUInt32BE(data.length, 5);
		this.#socket.cork();
		this.#socket.write(head);
		if (data.length > 0) this.#socket.write(data);
		this.#socket.uncork();
	}

	#receive(more: Buffer): void {
		this.#input = this.#input.length === 0 ? more : Buffer.concat([this.#input, more]);
		while (this.#input.length >= HEAD) {
			const end = HEAD + this.#input.readUInt32BE(5);
			if (this.#input.length < end) return;
			const [type, number, data] = [this.#input[0], this.#input.readUInt32BE(1), this.#input.subarray(HEAD, end)];
			this.#input = this.#input.subarray(end);
			if (type === TAKE.ready) this.#onReady(data.toString());
			else this.#deliver(type, number, data);
		}
	}

	#deliver(type: number | undefined, number: number, data: Buffer): void {
		const channel = this.#channels.get(number);
		if (channel === undefined) return;
		switch (type) {
			case TAKE.stdout:
				channel.options.onStdout?.(data);
				break;
			case TAKE.stderr:
				channel.options.onStderr?.(data);
				break;
			case TAKE.exited:
				channel.status = data.readInt32BE();
				break;
			case TAKE.taken:
				channel.ahead -= data.readUInt32BE();
				channel.room();
				return;
			case TAKE.ended:
			case TAKE.failed:
			case TAKE.declined:
				this.#channels.delete(number);
				if (type === TAKE.failed) channel.finish(refused(data.toString()));
				else channel.finish({ status: channel.status, ...(type === TAKE.declined ? { declined: true } : {}) });
				return;
		}
		drained(channel);
	}

	async close(): Promise<void> {
		this.#socket.end();
		this.#socket.destroySoon();
		await this.closed;
	}

	destroy(): void {
		this.#socket.destroy();
	}
}

/** A command that has ended is over when nothing came for a moment: what it left behind may hold its output open. */
function drained(channel: Channel): void {
	if (channel.status === undefined) return;
	clearTimeout(channel.drain);
	channel.drain = setTimeout(() => channel.finish({ status: channel.status }), DRAIN);
}
