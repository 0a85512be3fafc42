import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { TextOutput } from "../../../src/cli/io.ts";
import { renderError } from "../../../src/cli/render/error.ts";
import { JsonRenderer } from "../../../src/cli/render/json.ts";
import { PlainRenderer } from "../../../src/cli/render/plain.ts";
import { type Renderer, resolveProgress } from "../../../src/cli/render/renderer.ts";
import { TtyRenderer } from "../../../src/cli/render/tty.ts";
import { NodebuildError } from "../../../src/errors.ts";
import type { BuildEvent } from "../../../src/events.ts";
import { INTERRUPTED_BUILD, type Recording, WHOLE_BUILD } from "./events.ts";
import { step, TextSink } from "./harness.ts";
import { Terminal } from "./terminal.ts";

type Make = (output: TextOutput, now: () => number) => Renderer;

const plain: Make = (output, now) => new PlainRenderer(output, now);
const json: Make = (output, now) => new JsonRenderer(output, now);
const tty: Make = (output, now) => new TtyRenderer(output, now, false);

function play(recording: Recording, make: Make, output: TextOutput, seen: () => void = () => undefined): void {
	let now = Date.parse("2026-01-01T00:00:00.000Z");
	const renderer = make(output, () => now);
	for (const [later, event] of recording) {
		now += later;
		renderer.emit(event);
		seen();
	}
	renderer.close();
	renderer.close();
}

describe("golden files", () => {
	it.each([
		["plain.txt", plain, WHOLE_BUILD],
		["plain-interrupted.txt", plain, INTERRUPTED_BUILD],
		["events.jsonl", json, WHOLE_BUILD],
	])("%s", async (file, make, recording) => {
		const sink = new TextSink();
		play(recording, make, sink);
		await expect(sink.text).toMatchFileSnapshot(`golden/${file}`);
	});

	it.each([
		["tty-80.txt", 80, WHOLE_BUILD],
		["tty-40.txt", 40, WHOLE_BUILD],
		["tty-interrupted.txt", 80, INTERRUPTED_BUILD],
	])("%s: the screen after every drawing", async (file, columns, recording) => {
		const terminal = new Terminal(columns);
		const screens: string[] = [];
		play(recording, tty, terminal, () => screens.push(terminal.lines.join("\n")));
		screens.push(terminal.lines.join("\n"));
		const different = screens.filter((screen, index) => screen !== screens[index - 1]);
		await expect(`${different.join("\n\n-- then\n")}\n`).toMatchFileSnapshot(`golden/${file}`);
	});

	it("colour is added to lines, never counted in them", async () => {
		const bare = new Terminal(60);
		const coloured = new Terminal(60);
		play(WHOLE_BUILD, tty, bare);
		play(WHOLE_BUILD, (output, now) => new TtyRenderer(output, now, true), coloured);
		expect(coloured.lines).toEqual(bare.lines);
		expect(coloured.writes.join("")).toContain("\u001b[31m => ERROR");
	});
});

const output = fc
	.uint8Array({ maxLength: 40 })
	.chain((data) => fc.constantFrom<Uint8Array>(data, Buffer.from("progress 10%\rprogress 20%"), Buffer.from("line\n")));

const anyEvent: fc.Arbitrary<BuildEvent> = fc
	.record({
		index: fc.integer({ min: 1, max: 4 }),
		data: output,
		title: fc.string({ unit: "binary" }),
		which: fc.nat(8),
	})
	.map(({ index, data, title, which }): BuildEvent => {
		const of = step(index, `RUN ${title}`);
		const id = `task${index}`;
		const events: readonly BuildEvent[] = [
			{ type: "step-start", step: of },
			{ type: "step-output", step: of, stream: index % 2 === 0 ? "stdout" : "stderr", data },
			{ type: "step-output", step: of, stream: "stdout", data },
			{ type: "step-done", step: of, milliseconds: 10, freezeMilliseconds: 1 },
			{ type: "step-failed", step: of, milliseconds: 10, message: "failed" },
			{ type: "task-start", id, title },
			{ type: "task-progress", id, current: index, total: 4 },
			{ type: "task-done", id, milliseconds: 5 },
			{ type: "step-cached", step: of },
		];
		return events[which] ?? { type: "info", message: "done" };
	});

test("progress as JSON: whole bytes, four times a second, and the end of it", () => {
	let now = 0;
	const lines: string[] = [];
	const { emit } = json({ write: (text: string) => lines.push(text) > 0 }, () => now);
	for (let current = 0.5; current <= 100.5; current += 1) {
		emit({ type: "task-progress", id: "a", current, total: 100.5 });
		now += 10;
	}
	emit({ type: "task-progress", id: "b", current: 1 });
	const said = lines.map((line) => JSON.parse(line) as { id: string; current: number });
	expect(said.map(({ id, current }) => [id, current])).toEqual([
		["a", 1],
		["a", 26],
		["a", 51],
		["a", 76],
		["a", 101],
		["b", 1],
	]);
});

describe("whatever a guest writes", () => {
	it("the terminal is never garbled, at any width from the half to the whole, and keeps one line per finished piece", () => {
		fc.assert(
			fc.property(
				fc.array(fc.tuple(fc.nat(300), anyEvent, fc.integer({ min: 40, max: 80 })), { maxLength: 60 }),
				(steps) => {
					const terminal = new Terminal(80);
					let now = 0;
					let ended = 0;
					const renderer = tty(terminal, () => now);
					for (const [later, event, columns] of steps) {
						now += later;
						terminal.columns = columns;
						renderer.emit(event);
						if (/-(done|failed|cached)$/.test(event.type)) ended++;
					}
					renderer.close();
					const kept = terminal.lines.filter((line) => line.startsWith(" => ") && !line.includes("CANCELED "));
					expect(kept.length).toBeGreaterThanOrEqual(ended);
					expect(terminal.lines.some((line) => line.startsWith(" => => #"))).toBe(false);
				},
			),
		);
	});

	it("JSON gives back byte for byte", () => {
		fc.assert(
			fc.property(fc.array(fc.uint8Array({ maxLength: 8 })), (pieces) => {
				const sink = new TextSink();
				const of = step(1, "RUN cat");
				play(
					pieces.map((data) => [1, { type: "step-output", step: of, stream: "stdout", data }]),
					json,
					sink,
				);
				const lines = sink.text.split("\n").filter((line) => line !== "");
				const got = lines.map((line): Buffer => {
					const { text, base64 } = JSON.parse(line);
					return text === undefined ? Buffer.from(base64, "base64") : Buffer.from(text);
				});
				expect(Buffer.concat(got)).toEqual(Buffer.concat(pieces));
			}),
		);
	});

	it("a multi-byte character cut in two stays text", () => {
		const sink = new TextSink();
		const of = step(1, "RUN echo €");
		const euro = Buffer.from("€");
		play(
			[euro.subarray(0, 1), euro.subarray(1)].map((data) => [
				0,
				{ type: "step-output", step: of, stream: "stdout", data },
			]),
			json,
			sink,
		);
		expect(JSON.parse(sink.text)).toMatchObject({ text: "€" });
	});

	it("a line without end is broken, so that it cannot fill the memory", () => {
		const sink = new TextSink();
		const of = step(1, "RUN true");
		const data = Buffer.alloc(40_000, "y");
		play([[0, { type: "step-output", step: of, stream: "stdout", data }]], plain, sink);
		expect(sink.text.match(/y/g)).toHaveLength(40_000);
	});
});

it("an error's place stays on its line, whatever is in the file and its name", () => {
	const at = { file: "a\nb\u001b[2J", line: 1, column: 5, text: "RUN \u001b[31mx", length: 6 };
	const error = new NodebuildError({ code: "NODEFILE_INVALID", message: "no", at });
	expect(renderError(error, { color: false, debug: false })).toBe(
		[
			"error[NODEFILE_INVALID]: no",
			" --> a\\nb\\u001b[2J:1:5",
			"  |",
			"1 | RUN \ufffd[31mx",
			"  |     ^^^^^^",
			"",
		].join("\n"),
	);
});

describe("the mode of progress", () => {
	const at = (columns: number, isTTY: boolean): TextOutput => ({ write: () => undefined, isTTY, columns });

	it.each([
		["auto", 80, true, "xterm", "tty"],
		["auto", 80, false, "xterm", "plain"],
		["auto", 80, true, "dumb", "plain"],
		["tty", 80, false, "xterm", "plain"],
		["tty", 0, true, "xterm", "plain"],
		["plain", 80, true, "xterm", "plain"],
		["json", 80, true, "xterm", "json"],
	] as const)("%s with %i columns, a terminal: %s, TERM=%s is %s", (mode, columns, isTTY, term, wanted) => {
		expect(resolveProgress(mode, { stderr: at(columns, isTTY), env: { TERM: term } })).toBe(wanted);
	});
});
