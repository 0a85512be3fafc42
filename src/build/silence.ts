/** Guests that never say a word: how a host's KVM shows that it starts QEMU, but runs no kernel. */
import { stat } from "node:fs/promises";

export interface Watch {
	/** Fires when the console has been silent for too long. */
	readonly signal: AbortSignal;
	stop(): void;
}

/** Watch a console's log until `stop`; `patience`: milliseconds in which it must grow. */
export function watchConsole(file: string, patience: number): Watch {
	const silent = new AbortController();
	let size = 0;
	const timer = setInterval(async () => {
		const now = (await stat(file).catch(() => undefined))?.size ?? 0;
		if (now === size) silent.abort();
		size = now;
	}, patience);
	return { signal: silent.signal, stop: () => clearInterval(timer) };
}
