/** docs/cli.md is held against the program. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { createProgram } from "../../../src/cli/program.ts";
import { EXIT_STATUS } from "../../../src/errors.ts";
import { OUTPUT_FORMATS } from "../../../src/output/index.ts";
import { recorder, TextSink } from "./harness.ts";

const text = readFileSync("docs/cli.md", "utf8");

function section(title: string): string {
	const start = text.indexOf(`\n## ${title}\n`);
	const end = text.indexOf("\n## ", start + 1);
	return text.slice(start, end < 0 ? undefined : end);
}

const io = {
	stdout: new TextSink(),
	stderr: new TextSink(),
	env: {},
	cwd: "/",
	signal: new AbortController().signal,
	now: Date.now,
};
const program = createProgram({ io, backend: recorder().backend, exitWith: () => undefined });

function* withChildren(command: Command): Iterable<Command> {
	yield command;
	for (const child of command.commands) yield* withChildren(child);
}

describe("docs/cli.md", () => {
	it("has the exit status of every error code", () => {
		const documented: Record<string, number> = {};
		for (const [, status, codes] of section("Exit status").matchAll(/^\| (\d+) \| ([^|]+) \|/gm)) {
			for (const code of codes?.split(",") ?? []) documented[code.trim()] = Number(status);
		}
		expect(documented).toEqual(EXIT_STATUS);
	});

	it.each(program.commands.map((command) => command.name()))("names the command %s", (name) => {
		expect(section("Commands")).toContain(`\`nodebuild ${name}`);
	});

	const options = [...withChildren(program)].flatMap((command) =>
		command.options.flatMap(({ short, long }) =>
			[short, long].filter((flag) => flag !== undefined).map((flag) => [command.name(), flag] as const),
		),
	);
	it.each(options)("%s %s is there", (_command, flag) => {
		expect(section("Commands")).toMatch(new RegExp(`[\` ]${flag}[\` ]`));
	});

	it("names no option that is not there", () => {
		const known = new Set([...withChildren(program)].flatMap((command) => command.options.map(({ long }) => long)));
		const named = [...section("Commands").matchAll(/`(?:[^`\n]* )?(--[a-z][a-z-]*)/g)].map(([, flag]) => flag ?? "");
		expect(named.filter((flag) => !known.has(flag) && flag !== "--help")).toEqual([]);
		expect(named.length).toBeGreaterThan(30);
	});

	it("names every type of output", () => {
		for (const { type } of OUTPUT_FORMATS) expect(section("Commands")).toContain(`\`${type}\``);
	});

	it("names every type of event", () => {
		const source = readFileSync("src/events.ts", "utf8");
		const types = [...source.matchAll(/readonly type: "([a-z-]+)"/g)].map(([, type]) => type);
		expect(types.length).toBeGreaterThan(10);
		for (const type of types) expect(section("JSON progress")).toContain(`| \`${type}\` |`);
	});

	it("names every variable of ours that the source reads", () => {
		const sources = ["src/system/env.ts", "src/cli/context.ts", "src/cli/program.ts", "src/cli/io.ts"];
		const read = sources.flatMap(
			(file) => readFileSync(file, "utf8").match(/\b(?:NODEBUILD_[A-Z_]+|NO_COLOR)\b/g) ?? [],
		);
		expect(read).toContain("NODEBUILD_HOME");
		for (const name of read) expect(section("Environment variables")).toContain(`\`${name}\``);
	});
});
