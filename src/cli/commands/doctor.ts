/** `nodebuild doctor`: what this machine has, and what to do about what it lacks. */
import type { Command } from "commander";
import { EXIT_STATUS } from "../../errors.ts";
import type { DoctorRow } from "../backend.ts";
import { type CommandContext, homeOf, printJson } from "../context.ts";
import { wantsColor } from "../io.ts";
import { table } from "../render/text.ts";

const WORDS = { good: "ok", poor: "could be better", missing: "MISSING" } as const;

export function addDoctor(program: Command, { io, backend, exitWith }: CommandContext): void {
	program
		.command("doctor")
		.summary("check what this machine has for building, and say what to do about each lack")
		.description("Check what this machine has for building: accelerator (really tried), tools, space, memory, store.")
		.option("--json", "print the rows as JSON")
		.action(async (flags: { readonly json?: boolean }) => {
			const rows = await backend.doctor(homeOf(io), io.signal);
			if (flags.json === true) printJson(io, rows);
			else io.stdout.write(renderDoctor(rows, wantsColor(io.stdout, io.env)));
			if (rows.some((row) => row.state === "missing")) exitWith(EXIT_STATUS.HOST_TOOL_MISSING);
		});
}

export function renderDoctor(rows: readonly DoctorRow[], color: boolean): string {
	const text = table(
		["WHAT", "STATE", "FOUND"],
		rows.map((row) => [row.name, WORDS[row.state], row.found]),
	);
	const advice = rows.filter((row) => row.advice !== undefined).map((row) => `${row.name}: ${row.advice}`);
	const missing = rows.filter((row) => row.state === "missing").length;
	const verdict = missing === 0 ? "this machine can build" : `this machine cannot build yet: ${missing} missing`;
	const painted = color ? `\u001b[${missing === 0 ? "32" : "31"}m${verdict}\u001b[0m` : verdict;
	return `${[text.trimEnd(), ...(advice.length > 0 ? ["", ...advice] : []), "", painted].join("\n")}\n`;
}
