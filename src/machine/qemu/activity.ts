/** Whether a machine that does not answer yet is at work: on a busy host it may need many times as long as on an idle one. */
import { readdir, readFile, stat } from "node:fs/promises";

/** Milliseconds between two looks: shorter ones say little. */
const WINDOW = 5000;
/** Share of one processor that a machine at rest stays below, emulated or not. */
const REST = 0.2;

interface Sample {
	/** Of the monotonic clock, milliseconds. */
	readonly at: number;
	/** Milliseconds that its threads ran, or were kept from running by others. */
	readonly wanted: number;
	/** Bytes that the guest has written to its console. */
	readonly console: number;
}

export class Activity {
	readonly #pid: number;
	readonly #console: string;
	readonly #window: number;
	#last: Promise<Sample>;
	#verdict = true;

	/** `console`: file that the guest's console is written to. */
	constructor(pid: number, console: string, window = WINDOW) {
		this.#pid = pid;
		this.#console = console;
		this.#window = window;
		this.#last = this.#look();
	}

	/** Whether since the last look it has written to its console, or wanted a processor for a good part of the time. */
	async worked(): Promise<boolean> {
		const before = await this.#last;
		if (performance.now() - before.at < this.#window) return this.#verdict;
		const now = await this.#look();
		this.#last = Promise.resolve(now);
		this.#verdict = now.console > before.console || now.wanted - before.wanted > REST * (now.at - before.at);
		return this.#verdict;
	}

	async #look(): Promise<Sample> {
		const console = await stat(this.#console).then(
			({ size }) => size,
			() => 0,
		);
		return { at: performance.now(), wanted: await wantedBy(this.#pid), console };
	}
}

/** proc(5), schedstat: nanoseconds on a processor, and waiting for one. Threads that end take theirs along. */
async function wantedBy(pid: number): Promise<number> {
	let nanoseconds = 0;
	for (const thread of await readdir(`/proc/${pid}/task`).catch(() => [])) {
		const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, "latin1").catch(() => "");
		const [ran = 0, waited = 0] = text.split(" ").map(Number);
		nanoseconds += ran + waited;
	}
	return nanoseconds / 1e6;
}
