/** `--progress json`: every event on a line of its own; the format is in docs/cli.md. */
import type { BuildEvent } from "../../events.ts";
import type { Step } from "../../plan/types.ts";
import type { TextOutput } from "../io.ts";
import type { Renderer } from "./renderer.ts";
import { stepId } from "./vertex.ts";

/** A step without its effects and configuration: `nodebuild plan --json` has those. */
function stepView(step: Step): Record<string, unknown> {
	const { stage, index, count, title, key, at } = step;
	return { stage, index, count, title, key, file: at.file, line: at.line };
}

/** Output comes often: its step is named by its position alone. */
function outputView(step: Step, stream: string, data: Uint8Array): object {
	return { type: "step-output", step: { stage: step.stage, index: step.index }, stream, ...bytesView(data) };
}

/** How many bytes at the end begin a UTF-8 character that is not there as a whole. */
function incompleteTail(data: Uint8Array): number {
	for (let back = 1; back <= Math.min(3, data.length); back++) {
		const byte = data[data.length - back] ?? 0;
		if (byte < 0x80) return 0;
		if (byte < 0xc0) continue;
		const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
		return length > back ? back : 0;
	}
	return 0;
}

/** `text` when the bytes are UTF-8, else `base64`: either way nothing is lost. */
function bytesView(data: Uint8Array): Record<string, string> {
	try {
		return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data) };
	} catch {
		return { base64: Buffer.from(data).toString("base64") };
	}
}

/** Milliseconds between two lines of one task's progress. */
const PROGRESS_INTERVAL = 250;

export class JsonRenderer implements Renderer {
	readonly #output: TextOutput;
	readonly #now: () => number;
	/** The begun last character of each stream, kept for the next piece. */
	readonly #tails = new Map<string, { readonly step: Step; readonly stream: string; readonly data: Uint8Array }>();

	/** When each task's progress was last told. */
	readonly #progress = new Map<string, number>();

	constructor(output: TextOutput, now: () => number) {
		this.#output = output;
		this.#now = now;
	}

	readonly emit = (event: BuildEvent): void => {
		if (event.type === "step-output") {
			this.#stepOutput(event);
			return;
		}
		if (event.type === "task-progress") {
			this.#taskProgress(event);
			return;
		}
		if (!("step" in event)) {
			this.#write(event);
			return;
		}
		if (event.type === "step-done" || event.type === "step-failed") this.#flush(stepId(event.step));
		this.#write({ ...event, step: stepView(event.step) });
	};

	close(): void {
		this.#flush("");
	}

	/** Whole bytes, some times a second: whoever reads them does not see more. */
	#taskProgress({ type, id, current, total, note }: Extract<BuildEvent, { type: "task-progress" }>): void {
		const now = this.#now();
		if (current !== total && now - (this.#progress.get(id) ?? Number.NEGATIVE_INFINITY) < PROGRESS_INTERVAL) return;
		this.#progress.set(id, now);
		const whole = total === undefined ? {} : { total: Math.round(total) };
		this.#write({ type, id, current: Math.round(current), ...whole, ...(note === undefined ? {} : { note }) });
	}

	#stepOutput({ step, stream, data }: Extract<BuildEvent, { type: "step-output" }>): void {
		const id = `${stepId(step)}:${stream}`;
		const begun = this.#tails.get(id)?.data ?? new Uint8Array();
		this.#tails.delete(id);
		const whole = begun.length === 0 ? data : Buffer.concat([begun, data]);
		const tail = incompleteTail(whole);
		const head = whole.subarray(0, whole.length - tail);
		if (tail > 0) this.#tails.set(id, { step, stream, data: Uint8Array.from(whole.subarray(whole.length - tail)) });
		if (head.length > 0) this.#write(outputView(step, stream, head));
	}

	#flush(prefix: string): void {
		for (const [id, { step, stream, data }] of this.#tails) {
			if (!id.startsWith(prefix)) continue;
			this.#tails.delete(id);
			this.#write(outputView(step, stream, data));
		}
	}

	#write(value: object): void {
		this.#output.write(`${JSON.stringify({ time: new Date(this.#now()).toISOString(), ...value })}\n`);
	}
}
