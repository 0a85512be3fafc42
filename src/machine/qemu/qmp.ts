/** QEMU Machine Protocol over a pair of streams (docs/interop/qmp-spec.rst in QEMU). */
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { NodebuildError } from "../../errors.ts";

export interface QmpEvent {
	readonly event: string;
	readonly data: Readonly<Record<string, unknown>>;
}

interface Pending {
	readonly resolve: (value: unknown) => void;
	readonly reject: (error: NodebuildError) => void;
	readonly command: string;
}

interface QmpMessage {
	readonly QMP?: unknown;
	readonly id?: number;
	readonly return?: unknown;
	readonly error?: { readonly class: string; readonly desc: string };
	readonly event?: string;
	readonly data?: Record<string, unknown>;
}

export class Qmp {
	readonly #output: Writable;
	readonly #pending = new Map<number, Pending>();
	readonly #listeners = new Set<(event: QmpEvent) => void>();
	/** Ends the waiting for an event when QEMU is gone. */
	readonly #waiting = new Set<() => void>();
	readonly #greeting: Promise<void>;
	#nextId = 1;
	#closed = false;

	constructor(input: Readable, output: Writable) {
		this.#output = output;
		const lines = createInterface({ input });
		this.#greeting = new Promise((resolve) => {
			lines.on("line", (line) => this.#receive(line, resolve));
			lines.on("close", () => {
				this.#close();
				resolve();
			});
		});
		input.on("error", () => this.#close());
	}

	/** Wait for the greeting and enter command mode. */
	async negotiate(): Promise<void> {
		await this.#greeting;
		await this.execute("qmp_capabilities");
	}

	/** @throws NodebuildError MACHINE_LOST when QEMU refuses the command or is gone. */
	execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
		if (this.#closed) return Promise.reject(gone(command));
		const id = this.#nextId++;
		return new Promise((resolve, reject) => {
			this.#pending.set(id, { resolve, reject, command });
			this.#output.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
		});
	}

	/** A command of QEMU's human monitor; its answer as text. */
	async human(line: string): Promise<string> {
		return String(await this.execute("human-monitor-command", { "command-line": line }));
	}

	onEvent(listener: (event: QmpEvent) => void): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	/** Resolves with the first event that is wanted, or when QEMU has ended. */
	waitFor(wanted: (event: QmpEvent) => boolean): Promise<void> {
		return new Promise((resolve) => {
			const stop = this.onEvent((event) => {
				if (wanted(event)) done();
			});
			const done = (): void => {
				stop();
				this.#waiting.delete(done);
				resolve();
			};
			this.#waiting.add(done);
			if (this.#closed) done();
		});
	}

	#receive(line: string, greeted: () => void): void {
		const message = parse(line);
		if (message?.QMP !== undefined) greeted();
		if (message === undefined || message.QMP !== undefined) return;
		if (message.event !== undefined) {
			const event = { event: message.event, data: message.data ?? {} };
			for (const listener of this.#listeners) listener(event);
			return;
		}
		const pending = message.id === undefined ? undefined : this.#pending.get(message.id);
		if (pending === undefined || message.id === undefined) return;
		this.#pending.delete(message.id);
		if (message.error === undefined) pending.resolve(message.return);
		else
			pending.reject(
				new NodebuildError({
					code: "MACHINE_LOST",
					message: `QEMU refused ${pending.command}: ${message.error.desc}`,
				}),
			);
	}

	#close(): void {
		this.#closed = true;
		for (const pending of this.#pending.values()) pending.reject(gone(pending.command));
		this.#pending.clear();
		for (const done of [...this.#waiting]) done();
	}
}

/** Undefined for what is not QMP: something that QEMU printed while it started. */
function parse(line: string): QmpMessage | undefined {
	try {
		const message: unknown = JSON.parse(line);
		return typeof message === "object" && message !== null ? message : undefined;
	} catch {
		return undefined;
	}
}

function gone(command: string): NodebuildError {
	return new NodebuildError({ code: "MACHINE_LOST", message: `QEMU ended before it answered ${command}` });
}
