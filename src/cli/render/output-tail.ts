/** The last output of the step that runs, for the message when it fails. */
import type { BuildEvent } from "../../events.ts";
import { LineAssembler } from "./lines.ts";
import { stepId } from "./vertex.ts";

const KEPT = 20;

export class OutputTail {
	#step = "";
	#assemblers = { stdout: new LineAssembler(), stderr: new LineAssembler() };
	#lines: string[] = [];

	add(event: BuildEvent): void {
		if (event.type === "step-start") this.#reset(stepId(event.step));
		if (event.type !== "step-output") return;
		if (stepId(event.step) !== this.#step) this.#reset(stepId(event.step));
		this.#keep(this.#assemblers[event.stream].push(event.data));
	}

	/** Oldest first, the unfinished last line included. */
	get lines(): readonly string[] {
		this.#keep([...this.#assemblers.stdout.flush(), ...this.#assemblers.stderr.flush()]);
		return this.#lines;
	}

	#reset(step: string): void {
		this.#step = step;
		this.#assemblers = { stdout: new LineAssembler(), stderr: new LineAssembler() };
		this.#lines = [];
	}

	#keep(lines: readonly string[]): void {
		this.#lines = [...this.#lines, ...lines].slice(-KEPT);
	}
}
