/** `nodebuild [build] -f Nodefile.worker -t worker`: the command that is meant when none is named. */
import { writeFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { Command } from "commander";
import type { BuildResult } from "../../build/types.ts";
import { EXIT_STATUS, NodebuildError } from "../../errors.ts";
import type { OutputRequest } from "../../output/types.ts";
import {
	addProgressOption,
	type CommandContext,
	collect,
	type ProgressFlags,
	progressOf,
	withProgress,
} from "../context.ts";
import { addNodefileOptions, type NodefileFlags, nodefileOptions } from "../nodefile.ts";
import { parseOutput, parseTag } from "../parse.ts";
import { OutputTail } from "../render/output-tail.ts";
import { renderResult, resultJson } from "../render/result.ts";

interface Flags extends NodefileFlags, ProgressFlags {
	readonly tag?: readonly string[];
	readonly output?: readonly OutputRequest[];
	readonly verify?: boolean;
	readonly shellOnError?: boolean;
	readonly iidfile?: string;
}

export function addBuild(program: Command, context: CommandContext): void {
	const command = program
		.command("build", { isDefault: true })
		.summary("build a bootable image from a Nodefile (the default command)")
		.description(
			"Build a bootable image from a Nodefile. Instructions that an earlier build has run are not run again.",
		);
	addNodefileOptions(command, context.io)
		.option("-t, --tag <name[:tag]>", "name of the image; may be given several times", collect(parseTag))
		.option(
			"-o, --output <type=...,dest=...>",
			"write the image to a file: type=qcow2 or raw",
			collect(parseOutput),
			[],
		)
		.option("--verify", "boot a throwaway copy of the image and check that it answers")
		.option("--shell-on-error", "when a step fails, open a shell in the machine as the step left it")
		.option("--iidfile <file>", "write the image's id to a file")
		.option("-q, --quiet", "show no progress, print the image's id");
	addProgressOption(command).action((folder: string | undefined, flags: Flags) => build(folder, flags, context));
}

async function build(
	folder: string | undefined,
	flags: Flags,
	{ io, backend, exitWith }: CommandContext,
): Promise<void> {
	const tail = new OutputTail();
	const result = await withProgress(flags, io, async (renderer) => {
		const options = nodefileOptions(
			flags,
			folder,
			io,
			(event) => {
				tail.add(event);
				renderer.emit(event);
			},
			{ ...flags, tags: flags.tag ?? [], outputs: [] },
		);
		const outputs = (flags.output ?? []).map((request) => withDestination(request, options.tags, options.nodefile));
		try {
			return await backend.build({ ...options, outputs });
		} catch (error) {
			throw explained(error, tail, options.nodefile, flags.shellOnError === true);
		}
	});
	if (flags.iidfile !== undefined) writeFileSync(resolve(io.cwd, flags.iidfile), result.image.id);
	io.stdout.write(show(result, flags, progressOf(flags, io) === "json"));
	if (result.verification?.passed === false) exitWith(EXIT_STATUS.VERIFY_FAILED);
}

function show(result: BuildResult, flags: Flags, json: boolean): string {
	if (flags.quiet === true) return `${result.image.id}\n`;
	return json ? `${JSON.stringify(resultJson(result))}\n` : renderResult(result);
}

/** Without `dest`: the first tag's name, else the Nodefile's, in the current folder. */
export function withDestination(request: OutputRequest, tags: readonly string[], nodefile: string): OutputRequest {
	if (request.dest !== "") return request;
	const file = basename(nodefile).replace(/^Nodefile\.?/i, "") || basename(resolve(nodefile, "..")) || "image";
	const name = tags[0] === undefined ? file.replace(/\.nodefile$/i, "") : basename(tags[0].replace(/:[^/]*$/, ""));
	return { ...request, dest: `${name}.${request.type === "raw" ? "img" : request.type}` };
}

/** A failing step, with its last output and the ways to look inside, where the build has not said them. */
function explained(error: unknown, tail: OutputTail, nodefile: string, hadShell: boolean): unknown {
	if (!(error instanceof NodebuildError) || error.code !== "STEP_FAILED") return error;
	const ways = [
		"the steps before it are kept: the next build goes on here",
		`look at the machine before this step: nodebuild shell -f ${nodefile}`,
		...(hadShell ? [] : ["or build with --shell-on-error to look at it as the step left it"]),
	];
	return new NodebuildError({
		code: error.code,
		message: error.message,
		details: error.details.length > 0 ? error.details : tail.lines,
		...(error.at === undefined ? {} : { at: error.at }),
		hint: error.hint ?? ways.join("\n"),
		cause: error.cause ?? error,
	});
}
