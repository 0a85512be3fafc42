/** docker's `--progress plain`: one line per thing that happens, for logs and pipes. */
import type { BuildEvent } from "../../events.ts";
import type { TextOutput } from "../io.ts";
import type { Renderer } from "./renderer.ts";
import { formatDuration } from "./text.ts";
import { type Vertex, Vertices, vertexEvent } from "./vertex.ts";

/** A download says how far it is at most this often, in milliseconds. */
const PROGRESS_INTERVAL = 5000;

export class PlainRenderer implements Renderer {
	readonly #output: TextOutput;
	readonly #now: () => number;
	readonly #vertices = new Vertices();
	readonly #progress = new Map<string, number>();
	/** Number of the vertex whose lines stand above; 0 when none is open. */
	#current = 0;

	constructor(output: TextOutput, now: () => number) {
		this.#output = output;
		this.#now = now;
	}

	readonly emit = (build: BuildEvent): void => {
		const event = vertexEvent(build);
		const now = this.#now();
		switch (event.kind) {
			case "start":
				this.#announce(this.#vertices.start(event, now));
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
				this.#report(this.#vertices.get(event, now), event.text);
				break;
			case "cached":
				this.#end(this.#vertices.end(event, now), "CACHED");
				break;
			case "done": {
				const note = event.note === "" ? "" : ` (${event.note})`;
				this.#end(this.#vertices.end(event, now), `DONE ${formatDuration(event.milliseconds)}${note}`);
				break;
			}
			case "failed":
				this.#end(this.#vertices.end(event, now), `ERROR: ${event.message}`);
				break;
			case "said":
				this.#leave();
				this.#output.write(`${event.text}\n`);
		}
	};

	close(): void {
		for (const vertex of this.#vertices.running) this.#end(this.#vertices.end(vertex, this.#now()), "CANCELED");
	}

	#end(vertex: Vertex, outcome: string): void {
		this.#log(vertex, [...vertex.lines.stdout.flush(), ...vertex.lines.stderr.flush()]);
		this.#progress.delete(vertex.id);
		this.#line(vertex, outcome);
		this.#output.write("\n");
		this.#current = 0;
	}

	#log(vertex: Vertex, lines: readonly string[]): void {
		const seconds = ((this.#now() - vertex.started) / 1000).toFixed(3);
		for (const line of lines) this.#line(vertex, `${seconds} ${line}`.trimEnd());
	}

	#report(vertex: Vertex, text: string): void {
		const now = this.#now();
		if (now - (this.#progress.get(vertex.id) ?? vertex.started) < PROGRESS_INTERVAL) return;
		this.#progress.set(vertex.id, now);
		this.#log(vertex, [text]);
	}

	#line(vertex: Vertex, text: string): void {
		this.#announce(vertex);
		this.#output.write(`#${vertex.number} ${text}\n`);
	}

	/** As docker: the vertex's name again where its lines go on. */
	#announce(vertex: Vertex): void {
		if (this.#current === vertex.number) return;
		this.#leave();
		this.#current = vertex.number;
		this.#output.write(`#${vertex.number} ${vertex.name}\n`);
	}

	/** As docker: "#5 ..." where a vertex is left unfinished. */
	#leave(): void {
		if (this.#current !== 0) this.#output.write(`#${this.#current} ...\n\n`);
		this.#current = 0;
	}
}
