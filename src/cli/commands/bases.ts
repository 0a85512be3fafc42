/** `nodebuild bases`: which bases FROM knows, which are fetched, and from where. */
import type { Command } from "commander";
import type { BaseRow } from "../../bases/index.ts";
import type { BaseOptions } from "../backend.ts";
import {
	addMachineOptions,
	addProgressOption,
	type CommandContext,
	collect,
	homeOf,
	hostPlatform,
	type MachineFlags,
	machineOf,
	type ProgressFlags,
	printJson,
	withProgress,
} from "../context.ts";
import type { Io } from "../io.ts";
import { parseDiskSize, parsePlatform } from "../parse.ts";
import { shortId, table } from "../render/text.ts";

interface Flags extends ProgressFlags {
	readonly baseMap?: readonly string[];
	readonly platform?: string;
	readonly offline?: boolean;
	readonly json?: boolean;
}

export function addBases(program: Command, context: CommandContext): void {
	const bases = program
		.command("bases")
		.summary("list the bases that FROM knows; fetch or build one ahead of time")
		.description("The bases that FROM knows: which are in the store, and where the others come from.");
	const list = bases.command("list", { isDefault: true }).description("List the bases that FROM knows.");
	addBaseOptions(list)
		.option("--json", "print the rows as JSON")
		.action((flags: Flags) => showBases(flags, context));
	const build = bases
		.command("build")
		.summary("fetch or bootstrap a base")
		.description("Put a base into the store ahead of time: fetched and checked, or bootstrapped from packages.")
		.argument("<base>", "as in FROM, such as debian:12");
	addProgressOption(addBaseOptions(build))
		.option("--json", "print the base's record as JSON")
		.action((ref: string, flags: Flags) => buildBase(ref, flags, context));
	const warm = bases
		.command("warm")
		.summary("boot a base once, so that builds on it start in about a second")
		.description(
			"Boot a base once and freeze the machine, so that builds on it resume it instead of booting. A machine of other\nmemory or processors is another one; a first build does the same by itself.",
		)
		.argument("<base>", "as in FROM, such as debian:12");
	addProgressOption(addMachineOptions(addBaseOptions(warm)))
		.option("--disk-size <size>", "size of the disk, as for build (default: 10G)", parseDiskSize)
		.action((ref: string, flags: WarmFlags) => warmBase(ref, flags, context));
}

interface WarmFlags extends Flags, MachineFlags {
	readonly diskSize?: number;
}

async function warmBase(ref: string, flags: WarmFlags, { io, backend }: CommandContext): Promise<void> {
	await withProgress(flags, io, ({ emit }) =>
		backend.warmBase({
			...baseOptions(flags, io, emit),
			...machineOf(flags, io),
			ref,
			context: io.cwd,
			tags: [],
			buildArgs: {},
			noCache: false,
			outputs: [],
			...(flags.diskSize === undefined ? {} : { diskSize: flags.diskSize }),
			labels: {},
			verify: false,
			shellOnError: false,
		}),
	);
	io.stdout.write(`${ref} is warm\n`);
}

function addBaseOptions(command: Command): Command {
	return command
		.option("--base-map <file>", "further base map, asked before the built-in one", collect(String))
		.option("--platform <os/arch>", "platform of the base (default: the host's)", parsePlatform)
		.option("--offline", "use only what is in the store already");
}

function baseOptions(flags: Flags, io: Io, emit: BaseOptions["emit"]): BaseOptions {
	return {
		home: homeOf(io),
		...machineOf({}, io),
		baseMaps: flags.baseMap ?? [],
		platform: flags.platform ?? hostPlatform(),
		offline: flags.offline === true,
		signal: io.signal,
		emit,
	};
}

async function showBases(flags: Flags, { io, backend }: CommandContext): Promise<void> {
	const progress = flags.json === true ? "json" : "plain";
	const rows = await withProgress({ progress }, io, ({ emit }) => backend.bases(baseOptions(flags, io, emit)));
	if (flags.json === true) return printJson(io, rows);
	io.stdout.write(table(["BASE", "ARCH", "STORE", "ALIASES", "FROM"], rows.map(cells)));
}

function cells(row: BaseRow): readonly string[] {
	const ready = row.ready === undefined ? "-" : `${shortId(row.ready.digest)} ${row.ready.verified}`;
	const others = row.bootstrap === true && row.source !== "bootstrap" ? ", or bootstrap" : "";
	const source = row.ready?.source ?? (row.source === "" ? "your own disk" : `${row.source}${others}`);
	return [row.ref, row.architecture, ready, row.aliases.join(" "), source];
}

async function buildBase(ref: string, flags: Flags, { io, backend }: CommandContext): Promise<void> {
	const base = await withProgress(flags, io, ({ emit }) => backend.buildBase({ ...baseOptions(flags, io, emit), ref }));
	if (flags.json === true) return printJson(io, base);
	io.stdout.write(`${base.ref} ${base.digest} (${base.source}, ${base.verified})\n`);
}
