/** `nodebuild [build] -f Nodefile.worker -t worker`: the command that is meant when none is named. */
import { type Command, Option } from "commander";
import type { BuildResult } from "../../build/types.ts";
import { EXIT_STATUS } from "../../errors.ts";
import type { OutputRequest } from "../../output/types.ts";
import { check } from "../check.ts";
import {
	addProgressOption,
	type CommandContext,
	collect,
	type ProgressFlags,
	progressOf,
	withProgress,
} from "../context.ts";
import { type NamedFile, refuseCollisions } from "../collisions.ts";
import { addNodefileOptions, type BuildFlags, locate, type NodefileFlags, nodefileOptions } from "../nodefile.ts";
import { parseTag } from "../parse.ts";
import { renderResult, resultJson } from "../render/result.ts";
import { requireWritable, writeResult } from "../result-file.ts";
import { parseSecret, parseSsh } from "../secrets.ts";
import { addSuiteOptions, type SuiteFlags, suiteOptions } from "../suites.ts";

interface Flags extends NodefileFlags, ProgressFlags, SuiteFlags {
	readonly tag?: readonly string[];
	readonly output?: readonly string[];
	readonly verify?: boolean;
	readonly shellOnError?: boolean;
	readonly live?: "auto" | "always" | "never";
	readonly secret?: NonNullable<BuildFlags["secret"]>;
	readonly ssh?: NonNullable<BuildFlags["ssh"]>;
	readonly iidfile?: string;
	readonly check?: boolean;
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
			"write the image to a file; may be given several times",
			collect(String),
		)
		.option(
			"--secret <id=...,src=...|env=...>",
			"secret for RUN --mount=type=secret; may be given several times",
			collect((text) => parseSecret(text, context.io)),
		)
		.option(
			"--ssh <default|id[=socket|key,...]>",
			"SSH agent or keys for RUN --mount=type=ssh; may be given several times",
			collect((text) => parseSsh(text, context.io)),
		)
		.option("--verify", "boot a throwaway copy of the image and check that it answers")
		.addOption(
			new Option("--live <mode>", "freeze running machines with their layers, to resume them later instead of booting")
				.choices(["auto", "always", "never"])
				.default("auto"),
		)
		.option("--shell-on-error", "when a step fails, open a shell in the machine as the step left it")
		.option("--check", "check the Nodefile against the rules of docker build --check, and build nothing")
		.option("--iidfile <file>", "write the image's id to a file")
		.option("-q, --quiet", "show no progress, print the image's id");
	addProgressOption(addSuiteOptions(command, context.io)).action((folder: string | undefined, flags: Flags) =>
		build(folder, flags, context),
	);
}

async function build(folder: string | undefined, flags: Flags, context: CommandContext): Promise<void> {
	const { io, backend, exitWith } = context;
	if (flags.check === true) {
		const json = progressOf(flags, io) === "json";
		return check((emit) => nodefileOptions(flags, folder, io, emit), json, context);
	}
	const idFile = flags.iidfile === undefined ? undefined : { option: "--iidfile", path: flags.iidfile, cwd: io.cwd };
	if (idFile !== undefined) await requireWritable(idFile);
	const outputs = await parseOutputs(flags.output ?? []);
	const written = filesWritten(flags, outputs);
	if (written.length > 0) refuseCollisions(written, filesRead(flags, folder, io.cwd), io.cwd);
	// Who names a suite wants it run.
	const verify = flags.verify === true || flags.suite !== undefined;
	const result = await withProgress(flags, io, ({ emit }) =>
		backend.build({
			...nodefileOptions(flags, folder, io, emit, { ...flags, verify, tags: flags.tag ?? [], outputs }),
			...suiteOptions(flags, io),
		}),
	);
	if (idFile !== undefined)
		await writeResult(idFile, result.image.id, `the image is safe in the store; its id is ${result.image.id}`);
	io.stdout.write(show(result, flags, progressOf(flags, io) === "json"));
	if (result.verification?.passed === false) exitWith(EXIT_STATUS.VERIFY_FAILED);
}

function filesWritten(flags: Flags, outputs: readonly OutputRequest[]): readonly NamedFile[] {
	return [
		...outputs.flatMap(({ dest }) => [
			{ what: "the file of -o", path: dest },
			{ what: "the checksum of -o", path: `${dest}.sha256` },
		]),
		...(flags.iidfile === undefined ? [] : [{ what: "the file of --iidfile", path: flags.iidfile }]),
	];
}

function filesRead(flags: Flags, folder: string | undefined, cwd: string): readonly NamedFile[] {
	const { nodefile } = locate(flags.file, folder, cwd);
	const secrets = (flags.secret ?? []).flatMap(([id, source]) =>
		"file" in source ? [{ what: `the secret ${id}`, path: source.file }] : [],
	);
	return [
		...(nodefile === "-" ? [] : [{ what: "the Nodefile", path: nodefile }]),
		...(flags.varFile ?? []).map((path) => ({ what: "a --var-file", path })),
		...(flags.baseMap ?? []).map((path) => ({ what: "a --base-map", path })),
		...secrets,
	];
}

/** The formats and what they need are loaded only where a build has outputs. */
async function parseOutputs(texts: readonly string[]): Promise<readonly OutputRequest[]> {
	if (texts.length === 0) return [];
	const { parseOutput } = await import("../../output/parse.ts");
	return texts.map(parseOutput);
}

function show(result: BuildResult, flags: Flags, json: boolean): string {
	if (flags.quiet === true) return `${result.image.id}\n`;
	return json ? `${JSON.stringify(resultJson(result))}\n` : renderResult(result);
}
