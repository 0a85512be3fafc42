/** The options of suites, which verify and build share. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { SuiteOptions } from "../build/types.ts";
import { collect } from "./context.ts";
import type { Io } from "./io.ts";
import { parseKeyValue } from "./parse.ts";

export interface SuiteFlags {
	readonly suite?: readonly string[];
	readonly suiteVar?: readonly (readonly [string, string] | undefined)[];
	readonly vars?: readonly string[];
}

export function addSuiteOptions(command: Command, io: Io): Command {
	return command
		.option("--suite <name|file>", "check with a suite of nodebuild's or a file in goss's format", collect(String))
		.option(
			"--suite-var <name=value>",
			"variable of the suites; a bare name takes it from the environment",
			collect((text) => parseKeyValue(text, io.env)),
		)
		.option("--vars <file>", "file with variables of the suites, YAML or JSON", collect(String));
}

export function suiteOptions({ suite = [], suiteVar = [], vars = [] }: SuiteFlags, io: Io): SuiteOptions {
	return {
		// A name of a suite has no folder before it and no ending; a file is taken from where the command runs.
		suites: suite.map((each) => (/[/.]/.test(each) ? resolve(io.cwd, each) : each)),
		vars: Object.fromEntries(suiteVar.filter((pair) => pair !== undefined)),
		varFiles: vars.map((file) => resolve(io.cwd, file)),
	};
}
