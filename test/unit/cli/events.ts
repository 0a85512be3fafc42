/** Recorded builds: events with the milliseconds since the last one, for the renderers' golden files. */
import type { BuildEvent } from "../../../src/events.ts";
import { step } from "./harness.ts";

export type Recording = readonly (readonly [later: number, event: BuildEvent])[];

const bytes = (text: string): Uint8Array => Buffer.from(text);

const update = step(2, "RUN apt-get update");
const files = step(3, "COPY . /opt/app");
const heredoc = step(4, "RUN <<EOF\nmake all\nEOF");
const other = step(1, "RUN sleep 1", 1);

/** Everything a build can say: downloads, cached and configuring steps, split lines, progress bars, two stages at once. */
export const WHOLE_BUILD: Recording = [
	[0, { type: "info", message: "no KVM here: building with emulation" }],
	[0, { type: "warning", message: "stage name should be lower case", rule: "StageNameCasing", at: update.at }],
	[0, { type: "task-start", id: "base", title: "fetch debian:12" }],
	[1000, { type: "task-progress", id: "base", current: 2 ** 20, total: 300 * 2 ** 20 }],
	[5000, { type: "task-progress", id: "base", current: 150 * 2 ** 20, total: 300 * 2 ** 20, note: "from mirror 2" }],
	[100, { type: "task-log", id: "base", line: "checksum\u001b[32m right\u001b[0m" }],
	[400, { type: "task-done", id: "base", milliseconds: 6500, note: "300 MiB" }],
	[0, { type: "step-config", step: step(1, "ENV A=1") }],
	[0, { type: "step-cached", step: update }],
	[0, { type: "step-start", step: files }],
	[250, { type: "step-output", step: files, stream: "stdout", data: bytes("first li") }],
	[250, { type: "step-output", step: files, stream: "stderr", data: bytes("\u001b[1;31mwarned\u001b[0m\r\nsecond") }],
	[0, { type: "step-output", step: files, stream: "stdout", data: bytes("ne\n\n 10%\r 50%\r100%\n\ttabbed\n") }],
	[0, { type: "step-start", step: other }],
	[500, { type: "step-output", step: other, stream: "stdout", data: bytes("from the other stage\n") }],
	[0, { type: "step-output", step: files, stream: "stdout", data: Buffer.from([0xe2, 0x82]) }],
	[0, { type: "step-output", step: files, stream: "stdout", data: Buffer.from([0xac, 0x0a, 0xff, 0x0a]) }],
	[300, { type: "step-done", step: files, milliseconds: 1300, freezeMilliseconds: 40 }],
	[200, { type: "step-done", step: other, milliseconds: 1000, freezeMilliseconds: 40 }],
	[0, { type: "step-start", step: heredoc }],
	[2000, { type: "step-output", step: heredoc, stream: "stderr", data: bytes("make: *** No rule to make target") }],
	[500, { type: "step-failed", step: heredoc, milliseconds: 2500, message: "ended with exit status 2" }],
	[0, { type: "task-start", id: "off", title: "power off" }],
	[300, { type: "task-failed", id: "off", milliseconds: 300, message: "the machine was killed" }],
];

/** Interrupted while a step runs. */
export const INTERRUPTED_BUILD: Recording = [
	[0, { type: "step-start", step: files }],
	[700, { type: "step-output", step: files, stream: "stdout", data: bytes("half a line") }],
];
