/**
 * For a person at a terminal: each finished step one line, the running ones with their
 * time and last output. While nothing runs nothing is drawn, so a shell may have the terminal.
 */
import type { BuildEvent } from "../../events.ts";
import type { TextOutput } from "../io.ts";
import { LiveRegion } from "./region.ts";
import type { Renderer } from "./renderer.ts";
import { displayWidth, formatDuration, truncate } from "./text.ts";
import { type Vertex, Vertices, vertexEvent } from "./vertex.ts";

/** Milliseconds between two drawings. */
const REDRAW_INTERVAL = 100;
const TAIL_LINES = 6;

/** SGR codes: docker's blue for what is done, red and yellow. */
const COLORS = { done: "34", failed: "31", warning: "33", none: "0" } as const;
type Mood = keyof typeof COLORS;

export class TtyRenderer implements Renderer {
	readonly #now: () => number;
	readonly #color: boolean;
	readonly #region: LiveRegion;
	readonly #vertices = new Vertices();
	readonly #tails = new Map<string, string[]>();
	readonly #notes = new Map<string, string>();
	#timer: NodeJS.Timeout | undefined;
	#drawnAt = Number.NEGATIVE_INFINITY;

	constructor(output: TextOutput, now: () => number, color: boolean) {
		this.#now = now;
		this.#color = color;
		this.#region = new LiveRegion(output);
	}

	readonly emit = (build: BuildEvent): void => {
		const event = vertexEvent(build);
		const now = this.#now();
		switch (event.kind) {
			case "start":
				this.#vertices.start(event, now);
				this.#changed();
				break;
			case "line":
				this.#log(this.#vertices.get(event, now), [event.line]);
				break;
			case "output": {
				const vertex = this.#vertices.get(event, now);
				this.#log(vertex, vertex.lines[event.stream].push(event.data));
				break;
			}
			case "progress":
				this.#notes.set(this.#vertices.get(event, now).id, event.text);
				this.#changed();
				break;
			case "cached":
				this.#end(this.#vertices.end(event, now), "done", "CACHED ", 0);
				break;
			case "done":
				this.#end(this.#vertices.end(event, now), "done", "", event.milliseconds, event.note);
				break;
			case "failed":
				this.#end(this.#vertices.end(event, now), "failed", "ERROR ", event.milliseconds);
				break;
			case "said":
				this.#draw([this.#paint(event.warning ? "warning" : "none", event.text)]);
		}
	};

	close(): void {
		for (const vertex of this.#vertices.running) {
			const now = this.#now();
			this.#end(this.#vertices.end(vertex, now), "failed", "CANCELED ", now - vertex.started);
		}
	}

	#log(vertex: Vertex, lines: readonly string[]): void {
		const tail = [...(this.#tails.get(vertex.id) ?? []), ...lines.filter((line) => line !== "")];
		this.#tails.set(vertex.id, tail.slice(-TAIL_LINES));
		this.#changed();
	}

	#end(vertex: Vertex, mood: Mood, word: string, milliseconds: number, note = ""): void {
		this.#tails.delete(vertex.id);
		this.#notes.delete(vertex.id);
		const text = ` => ${word}${vertex.name}${note === "" ? "" : ` (${note})`}`;
		this.#draw([this.#paint(mood, this.#withTime(text, milliseconds))]);
	}

	/** Output may come by the thousand lines a second: draw now and then, the timer does the rest. */
	#changed(): void {
		if (this.#now() - this.#drawnAt >= REDRAW_INTERVAL) this.#draw([]);
		else this.#schedule();
	}

	#schedule(): void {
		if (this.#timer !== undefined) return;
		this.#timer = setInterval(() => this.#draw([]), REDRAW_INTERVAL);
		this.#timer.unref();
	}

	#draw(finished: readonly string[]): void {
		this.#drawnAt = this.#now();
		this.#region.update(finished, this.#live());
		if (this.#vertices.running.length > 0) {
			this.#schedule();
			return;
		}
		clearInterval(this.#timer);
		this.#timer = undefined;
	}

	/** Each running vertex: its title, and as much of its last output as there is room for. */
	#live(): string[] {
		const running = this.#vertices.running;
		const share = Math.floor(this.#region.height / Math.max(1, running.length)) - 1;
		const room = Math.max(0, Math.min(TAIL_LINES, share));
		return running.flatMap((vertex) => {
			const note = this.#notes.get(vertex.id);
			const title = ` => ${vertex.name}${note === undefined ? "" : `  ${note}`}`;
			const lines = room === 0 ? [] : this.#tail(vertex).slice(-room);
			return [
				this.#withTime(title, this.#now() - vertex.started),
				...lines.map((line) => ` => => # ${line.replaceAll("\t", "    ")}`),
			];
		});
	}

	#tail(vertex: Vertex): string[] {
		const partial = vertex.lines.stdout.partial || vertex.lines.stderr.partial;
		const tail = this.#tails.get(vertex.id) ?? [];
		return partial === "" ? tail : [...tail, partial];
	}

	/** The time at the right edge, as docker has it. */
	#withTime(text: string, milliseconds: number): string {
		const time = formatDuration(milliseconds);
		const room = this.#region.columns - 2 - time.length;
		const name = truncate(text, room);
		return `${name}${" ".repeat(room - displayWidth(name) + 1)}${time}`;
	}

	#paint(mood: Mood, text: string): string {
		return this.#color && mood !== "none" ? `\u001b[${COLORS[mood]}m${text}\u001b[0m` : text;
	}
}
