/**
 * A guest whose kernel crashed and does not reboot by itself (kernel.panic=0) stands still for ever: nobody
 * hears of it but the console.
 */
import { open } from "node:fs/promises";

export interface PanicWatch {
	/** The guest was reset: what its console said before is over. */
	reset(): void;
	stop(): void;
}

export interface PanicOptions {
	/** The console's log; it only grows. */
	readonly console: string;
	/** Milliseconds between two looks. Default 2000. */
	readonly interval?: number;
	/** Milliseconds in which a kernel may still reboot by itself (kernel.panic). Default 20 s. */
	readonly grace?: number;
	/** Called once, with the kernel's own line. */
	readonly onPanic: (line: string) => void;
}

/** What the kernel prints (kernel/panic.c); "end Kernel panic" repeats it. */
const PANIC = /Kernel panic - not syncing[^\r\n]*/;
/** Bytes that are read again: a line may arrive in two pieces. */
const OVERLAP = 256;

export function watchForPanic(options: PanicOptions): PanicWatch {
	const grace = options.grace ?? 20_000;
	let position = 0;
	let tail = "";
	let crashed: { readonly line: string; readonly at: number } | undefined;
	let busy = false;
	const look = async (): Promise<void> => {
		const text = await readFrom(options.console, position);
		position += Buffer.byteLength(text, "latin1");
		const match = PANIC.exec(tail + text);
		tail = (tail + text).slice(-OVERLAP);
		if (match !== null) crashed ??= { line: match[0].trimEnd(), at: performance.now() };
		if (crashed === undefined || performance.now() - crashed.at < grace) return;
		clearInterval(timer);
		options.onPanic(crashed.line);
	};
	const timer = setInterval(() => {
		if (busy) return;
		busy = true;
		void look().finally(() => {
			busy = false;
		});
	}, options.interval ?? 2000);
	timer.unref();
	return {
		reset: () => {
			crashed = undefined;
			tail = "";
		},
		stop: () => clearInterval(timer),
	};
}

/** One byte a character, so that a position is a length; empty when there is nothing to read. */
async function readFrom(path: string, position: number): Promise<string> {
	try {
		await using file = await open(path, "r");
		const { size } = await file.stat();
		if (size <= position) return "";
		const { buffer, bytesRead } = await file.read(Buffer.alloc(size - position), 0, size - position, position);
		return buffer.toString("latin1", 0, bytesRead);
	} catch {
		return "";
	}
}
