/** Where the Nodefile and its context are, and the options that say what is to be built. */
import { readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import type { BuildOptions, SecretSource } from "../build/types.ts";
import { NodebuildError } from "../errors.ts";
import type { Emit } from "../events.ts";
import { nearest } from "../layers/reference.ts";
import type { OutputRequest } from "../output/types.ts";
import { addMachineOptions, collect, homeOf, hostPlatform, type MachineFlags, machineOf } from "./context.ts";
import { namedContext, type NamedContextOption, parseBuildContext } from "./build-context.ts";
import type { Io } from "./io.ts";
import { readVariables } from "./variables.ts";
import { type WhatLies, whatLies } from "./what-lies.ts";
import { parseDiskSize, parseKeyValue, parsePlatform } from "./parse.ts";

type Pair = readonly [string, string];

/** The options as commander hands them over. */
export interface NodefileFlags extends MachineFlags {
	readonly file?: string;
	readonly buildArg?: readonly (Pair | undefined)[];
	readonly varFile?: readonly string[];
	readonly label?: readonly (Pair | undefined)[];
	readonly buildContext?: readonly NamedContextOption[];
	readonly target?: string;
	readonly cache: boolean;
	readonly diskSize?: number;
	readonly baseMap?: readonly string[];
	readonly offline?: boolean;
	readonly platform?: string;
}

/** Options of every command that reads a Nodefile. */
export function addNodefileOptions(command: Command, io: Io): Command {
	const pair = (text: string): Pair | undefined => parseKeyValue(text, io.env);
	// As docker has it: a bare name is a label without a value, not one of the environment's.
	const label = (text: string): Pair | undefined => parseKeyValue(text.includes("=") ? text : `${text}=`, {});
	command
		.argument("[context]", "folder that COPY takes files from (default: the Nodefile's folder)")
		.option("-f, --file <nodefile>", "the Nodefile, - for standard input (default: Nodefile in the context)")
		.option("--build-arg <name=value>", "value of an ARG; a bare name takes it from the environment", collect(pair))
		.option("--var-file <file>", "JSON file of variables, as image-builder has them; later ones win", collect(String))
		.option("--build-context <name=value>", "further context: a folder, an image or a base", collect(parseBuildContext))
		.option("--target <stage>", "stage to build, by name or number (default: the last)")
		.option("--no-cache", "use no layer of an earlier build")
		.option("--label <name=value>", "label on the image", collect(label))
		.option("--base-map <file>", "further base map, asked before the built-in one", collect(String))
		.option("--offline", "use only bases and sources of ADD that are in the store already")
		.option("--platform <os/arch>", "platform to build for (default: the host's)", parsePlatform)
		.option("--disk-size <size>", "size of the image's disk, such as 20G (default: 10G)", parseDiskSize);
	return addMachineOptions(command);
}

export interface BuildFlags {
	readonly tags?: readonly string[];
	readonly outputs?: readonly OutputRequest[];
	readonly verify?: boolean;
	readonly shellOnError?: boolean;
	readonly live?: "auto" | "always" | "never";
	readonly secret?: readonly (readonly [string, SecretSource])[];
	readonly ssh?: readonly (readonly [string, readonly string[]])[];
}

/** Options normalised once: what the build gets. @throws NodebuildError NODEFILE_NOT_FOUND, CONTEXT_INVALID */
export function nodefileOptions(
	flags: NodefileFlags,
	context: string | undefined,
	io: Io,
	emit: Emit,
	build: BuildFlags = {},
): BuildOptions {
	return {
		...locate(flags.file, context, io.cwd),
		...contextsOf(flags.buildContext, io.cwd),
		tags: build.tags ?? [],
		buildArgs: fromPairs(flags.buildArg),
		variables: readVariables(flags.varFile ?? [], io),
		environment: io.env,
		...(flags.target === undefined ? {} : { target: flags.target }),
		noCache: !flags.cache,
		outputs: build.outputs ?? [],
		...(flags.diskSize === undefined ? {} : { diskSize: flags.diskSize }),
		...machineOf(flags, io),
		baseMaps: flags.baseMap ?? [],
		offline: flags.offline === true,
		labels: fromPairs(flags.label),
		verify: build.verify === true,
		shellOnError: build.shellOnError === true,
		secrets: new Map(build.secret),
		agents: new Map(build.ssh),
		live: build.live ?? "auto",
		home: homeOf(io),
		platform: flags.platform ?? hostPlatform(),
		signal: io.signal,
		emit,
	};
}

function contextsOf(given: NodefileFlags["buildContext"], cwd: string): Pick<BuildOptions, "namedContexts"> {
	if (given === undefined) return {};
	return { namedContexts: new Map(given.map((option) => [option[0], namedContext(option, cwd)])) };
}

function fromPairs(pairs: readonly (Pair | undefined)[] = []): Readonly<Record<string, string>> {
	return Object.fromEntries(pairs.filter((pair) => pair !== undefined));
}

/** `-f` alone is enough; without it, the context's Nodefile, as docker takes the context's Dockerfile. */
export function locate(
	file: string | undefined,
	context: string | undefined,
	cwd: string,
): { readonly nodefile: string; readonly context: string } {
	requireName(context, "a folder as context");
	requireName(file, "a Nodefile after -f");
	if (context !== undefined) checkContext(context, cwd);
	// Standard input, as docker has it; there may be a file of that name too, which is ./-
	if (file === "-") return { nodefile: file, context: context ?? "." };
	const nodefile = file ?? join(context ?? ".", "Nodefile");
	const kind = whatLies(resolve(cwd, nodefile));
	if (kind === "folder") {
		throw new NodebuildError({
			code: "NODEFILE_NOT_FOUND",
			message: `expected a Nodefile, got the folder ${nodefile}`,
			hint: `nodebuild -f ${join(nodefile, "Nodefile")}`,
		});
	}
	if (kind !== "file") throw notFound(nodefile, kind, file === undefined, cwd);
	return { nodefile, context: context ?? dirname(nodefile) };
}

/** An empty name would mean the current folder, where a shell's variable was not set. */
function requireName(text: string | undefined, what: string): void {
	if (text !== "") return;
	const hint = "is a variable of the shell empty? the current folder is written .";
	throw new NodebuildError({ code: "USAGE", message: `expected ${what}, got an empty name`, hint });
}

function checkContext(context: string, cwd: string): void {
	const kind = whatLies(resolve(cwd, context));
	if (kind === "folder") return;
	const remote = /^[a-z+]+:\/\/|^git@/.test(context);
	const got = remote || kind === "nothing" ? context : kind === "file" ? `the file ${context}` : `${kind}: ${context}`;
	throw new NodebuildError({
		code: remote ? "UNSUPPORTED" : "CONTEXT_INVALID",
		message: `expected the context to be a folder, got ${got}${kind === "nothing" && !remote ? ", which does not exist" : ""}`,
		hint:
			kind === "file"
				? `the Nodefile is given with -f: nodebuild -f ${context}`
				: context === "-"
					? "a Nodefile is read from standard input with -f -, and the context is a folder: nodebuild -f - ."
					: "clone or unpack it, and name the folder",
	});
}

function notFound(nodefile: string, kind: WhatLies, byDefault: boolean, cwd: string): NodebuildError {
	const folder = dirname(nodefile);
	let names: string[] = [];
	try {
		names = readdirSync(resolve(cwd, folder));
	} catch {
		// The folder is missing too: there is nothing to suggest.
	}
	const wanted = nodefile.slice(nodefile.lastIndexOf("/") + 1);
	const likely =
		names.find((name) => /^(nodefile|dockerfile)(\.|$)|\.nodefile$/i.test(name) && byDefault) ??
		nearest(
			wanted,
			names.filter((name) => name !== wanted),
		)[0];
	return new NodebuildError({
		code: "NODEFILE_NOT_FOUND",
		message:
			kind !== "nothing"
				? `expected a Nodefile, got ${kind}: ${nodefile}`
				: byDefault
					? `there is no Nodefile in ${resolve(cwd, folder)}`
					: `the Nodefile ${nodefile} does not exist`,
		hint:
			likely === undefined
				? "name it with -f: nodebuild -f path/to/Nodefile"
				: `did you mean nodebuild -f ${join(folder, likely)}?`,
	});
}
