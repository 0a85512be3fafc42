/** How many machines a build has at a time. */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";

/** MiB that QEMU itself takes beside its guest's memory: code, translated code, buffers. */
const QEMU_OWN = 640;

export interface HostRoom {
	/** MiB. */
	readonly free: number;
	readonly cores: number;
}

/** As many as the memory has room for, one at least, and no more than there are cores. */
export function machinesAtOnce(memory: number, { free, cores }: HostRoom): number {
	return Math.max(1, Math.min(cores, Math.floor(free / (memory + QEMU_OWN))));
}

export async function hostRoom(): Promise<HostRoom> {
	const text = await readFile("/proc/meminfo", "utf8").catch(() => "");
	const kibibytes = Number(/^MemAvailable:\s+(\d+)/m.exec(text)?.[1] ?? 0);
	return { free: kibibytes / 1024, cores: availableParallelism() };
}

/** Takes turns: at most `count` hold one at a time, the others wait in the order they came. */
export class Slots {
	#free: number;
	readonly #waiting: (() => void)[] = [];

	constructor(count: number) {
		this.#free = count;
	}

	async hold<T>(work: () => Promise<T>): Promise<T> {
		if (this.#free > 0) this.#free -= 1;
		else await new Promise<void>((resolve) => this.#waiting.push(resolve));
		try {
			return await work();
		} finally {
			const next = this.#waiting.shift();
			if (next === undefined) this.#free += 1;
			else next();
		}
	}
}
