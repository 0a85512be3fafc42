/** What plain and tty know of the work under way: docker calls each piece a vertex, numbered as it appears. */
import type { BuildEvent, Stream } from "../../events.ts";
import type { Step } from "../../plan/types.ts";
import { formatBytes } from "../../system/files.ts";
import { cleanLine, LineAssembler } from "./lines.ts";
import { oneLine } from "./text.ts";

export interface Vertex {
	readonly id: string;
	/** From 1. */
	readonly number: number;
	readonly name: string;
	/** Milliseconds since the epoch. */
	readonly started: number;
	readonly lines: Readonly<Record<Stream, LineAssembler>>;
}

type About = { readonly id: string; readonly name: string };

/** Tasks and steps look the same to whoever draws them. */
export type VertexEvent =
	| ({ readonly kind: "start" } & About)
	| ({ readonly kind: "line"; readonly line: string } & About)
	| ({ readonly kind: "output"; readonly stream: Stream; readonly data: Uint8Array } & About)
	| ({ readonly kind: "progress"; readonly text: string } & About)
	| ({ readonly kind: "done"; readonly milliseconds: number; readonly note: string } & About)
	| ({ readonly kind: "cached" } & About)
	| ({ readonly kind: "failed"; readonly milliseconds: number; readonly message: string } & About)
	| { readonly kind: "said"; readonly text: string; readonly warning: boolean };

function title(text: string): string {
	return cleanLine(oneLine(text)).replaceAll("\t", " ");
}

/** "[3/7] RUN apt-get update"; in a named stage "[web 3/7] ...", in a later one without a name "[stage-1 3/7] ...". */
function stepName(step: Step): string {
	const stage = step.stageName ?? (step.stage === 0 ? "" : `stage-${step.stage}`);
	return `[${stage === "" ? "" : `${stage} `}${step.index}/${step.count}] ${title(step.title)}`;
}

export function stepId(step: Step): string {
	// Nodefiles that this one is FROM are built in the same run, and count their stages from 0 as well.
	return `step:${step.at.file}:${step.stage}:${step.index}`;
}

export function vertexEvent(event: BuildEvent): VertexEvent {
	if (event.type === "info") return { kind: "said", text: event.message, warning: false };
	if (event.type === "warning") return { kind: "said", text: warningText(event), warning: true };
	if ("step" in event) return ofStep(event, { id: stepId(event.step), name: stepName(event.step) });
	return ofTask(event, { id: `task:${event.id}`, name: event.id });
}

function ofTask(event: Extract<BuildEvent, { id: string }>, about: About): VertexEvent {
	switch (event.type) {
		case "task-start":
			return { kind: "start", id: about.id, name: title(event.title) };
		case "task-progress":
			return { kind: "progress", ...about, text: progressText(event) };
		case "task-log":
			return { kind: "line", ...about, line: cleanLine(event.line) };
		case "task-done":
			return { kind: "done", ...about, milliseconds: event.milliseconds, note: event.note ?? "" };
		case "task-failed":
			return { kind: "failed", ...about, milliseconds: event.milliseconds, message: event.message };
	}
}

function ofStep(event: Extract<BuildEvent, { step: Step }>, about: About): VertexEvent {
	switch (event.type) {
		case "step-cached":
			return { kind: "cached", ...about };
		case "step-config":
			return { kind: "done", ...about, milliseconds: 0, note: "" };
		case "step-start":
			return { kind: "start", ...about };
		case "step-output":
			return { kind: "output", ...about, stream: event.stream, data: event.data };
		case "step-done":
			return { kind: "done", ...about, milliseconds: event.milliseconds, note: "" };
		case "step-failed":
			return { kind: "failed", ...about, milliseconds: event.milliseconds, message: event.message };
	}
}

/** "12.0 MiB / 300.0 MiB (4%)". */
function progressText(event: Extract<BuildEvent, { type: "task-progress" }>): string {
	const note = event.note === undefined ? "" : ` ${event.note}`;
	if (event.total === undefined || event.total <= 0) return `${formatBytes(event.current)}${note}`;
	const percent = Math.min(100, Math.floor((100 * event.current) / event.total));
	return `${formatBytes(event.current)} / ${formatBytes(event.total)} (${percent}%)${note}`;
}

function warningText(event: Extract<BuildEvent, { type: "warning" }>): string {
	const rule = event.rule === undefined ? "" : `${event.rule}: `;
	const place = event.at === undefined ? "" : ` (${event.at.file}:${event.at.line}:${event.at.column})`;
	return `warning: ${rule}${event.message}${place}`;
}

export class Vertices {
	readonly #running = new Map<string, Vertex>();
	#count = 0;

	start({ id, name }: About, started: number): Vertex {
		const lines = { stdout: new LineAssembler(), stderr: new LineAssembler() };
		const vertex = { id, number: ++this.#count, name, started, lines };
		this.#running.set(id, vertex);
		return vertex;
	}

	/** The running vertex; started now when its start was never said. */
	get(about: About, now: number): Vertex {
		return this.#running.get(about.id) ?? this.start(about, now);
	}

	end(about: About, now: number): Vertex {
		const vertex = this.get(about, now);
		this.#running.delete(about.id);
		return vertex;
	}

	get running(): readonly Vertex[] {
		return [...this.#running.values()];
	}
}
