/** COPY and ADD in a guest: where things land is decided there, the files go over as one tar stream. */
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import {
	copyStream,
	copyWithApart,
	type Destination as Located,
	findApart,
	parseChmod,
	planLayout,
	type ResolvedCopy,
} from "../context/index.ts";
import { NodebuildError } from "../errors.ts";
import type { ExecResult, Guest } from "../guest/types.ts";
import type { CopyRequest } from "../plan/types.ts";
import { apartScript, CLASH, type CopyPlan, clashAmongSources, isLink, prepareScript } from "./copy-script.ts";
import { type Destination, type Guess, readElsewhere, resolveOwner } from "./destination.ts";
import { type DiskContent, type Extraction, extractArchive, paysAsDisk, streamTo } from "./transport.ts";
import { unpackArchive } from "./unpack.ts";

/** @throws NodebuildError COPY_FAILED for what stands in the way or what the guest's tar said, GUEST_DISK_FULL. */
export async function copyIntoGuest(
	destination: Destination,
	request: CopyRequest,
	copy: ResolvedCopy,
	signal: AbortSignal,
): Promise<void> {
	const { guest, root } = destination;
	const owner = (await resolveOwner(destination, request.chown)) ?? { uid: 0, gid: 0 };
	const link = isLink(request);
	const mode = request.chmod === undefined ? undefined : parseChmod(request.chmod);
	const planAt = (target: Located): CopyPlan => {
		const placement = planLayout(copy, target);
		const layout = { targets: placement.targets, ...owner, ...(mode === undefined ? {} : { mode }) };
		return { copy, placement, layout, link, root };
	};
	const exact = link ? { dest: request.dest, destIsDirectory: false } : undefined;
	const guess = exact === undefined ? destination.guess?.(request.dest) : { located: exact, check: () => "" };
	const tried =
		guess === undefined ? undefined : await tryAtOnce(guess, planAt(guess.located), { guest, request, signal });
	if (tried === "done") return;
	const common = { guest, disks: destination.disks, signal };
	const write = async (plan: CopyPlan, check?: string): Promise<CopyPlan> => {
		const prepared = prepare(guest, plan, request, check);
		if (copy.sources.some(({ archive }) => archive === undefined)) {
			const tar = tarInto(`${root}/`, hasXattrs(copy));
			const open = (): Readable => copyStream(copy, plan.layout);
			const openForDisk = (): Promise<DiskContent> => largeFilesApart(plan);
			await extract({ ...common, tar, bytes: archiveSize(copy), open, openForDisk }, request, prepared);
		}
		await prepared;
		return plan;
	};
	const known = exact ?? tried;
	const guessed = guess === undefined || known !== undefined ? undefined : planAt(guess.located);
	const { placement } =
		guess === undefined || guessed === undefined || clashAmongSources(guessed) !== undefined
			? await write(planAt(known ?? (await destination.locate(request.dest))))
			: await write(guessed, guess.check(kindMatters(copy, guess.located))).catch((error: unknown) => {
					if (error instanceof Elsewhere) return write(planAt(error.located));
					throw error;
				});
	for (const [index, source] of copy.sources.entries()) {
		const into = placement.targets[index];
		if (source.archive === undefined || into === undefined) continue;
		const directory = `${root}${into}`;
		await unpackArchive({ guest, source, into: directory }, ({ open, bytes, harmless }) =>
			extract({ ...common, tar: tarInto(directory, true, harmless), bytes, open }, request),
		);
	}
}

async function largeFilesApart({ copy, layout, root }: CopyPlan): Promise<DiskContent> {
	const { stream, contents } = copyWithApart(copy, layout, await findApart(copy, layout));
	return { stream, after: () => apartScript(contents, root) };
}

/** Characters of a script that goes with the command itself. */
const SHORT_SCRIPT = 60_000;

/**
 * In one command: each costs an emulated guest that has just been resumed a third of a second. "done", or where the
 * destination is instead; undefined when the copy is too large for that.
 */
async function tryAtOnce(
	{ located, check }: Guess,
	plan: CopyPlan,
	{ guest, request, signal }: { readonly guest: Guest; readonly request: CopyRequest; readonly signal: AbortSignal },
): Promise<"done" | Located | undefined> {
	const { copy, layout, root, link } = plan;
	const onlyFiles = copy.sources.length > 0 && copy.sources.every(({ archive }) => archive === undefined);
	if (!onlyFiles || paysAsDisk(archiveSize(copy)) || (!link && clashAmongSources(plan) !== undefined)) return undefined;
	const script = `${prepareScript(plan, check(kindMatters(copy, located)))}exec "$@"\n`;
	if (script.length > SHORT_SCRIPT) return undefined;
	const heard: Uint8Array[] = [];
	const argv = ["/bin/sh", "-c", script, "sh", ...streamTo(tarInto(`${root}/`, hasXattrs(copy)))];
	await extracted(request, (onStderr) => {
		const onStdout = (data: Uint8Array): void => void heard.push(data);
		return guest.exec({ argv, stdin: copyStream(copy, layout), signal, onStdout, onStderr });
	});
	const answer = Buffer.concat(heard).toString("utf8");
	const elsewhere = readElsewhere(answer);
	if (elsewhere !== undefined) return elsewhere;
	refuseClash(answer, plan, request);
	return "done";
}

/** Whether the files land elsewhere when the destination is a directory than when it is none. */
function kindMatters(copy: ResolvedCopy, located: Located): boolean {
	const [into, onto] = [true, false].map((destIsDirectory) => planLayout(copy, { ...located, destIsDirectory }));
	return JSON.stringify(into) !== JSON.stringify(onto);
}

function hasXattrs(copy: ResolvedCopy): boolean {
	return copy.sources.some(({ entries }) => entries.some(({ xattrs }) => xattrs !== undefined));
}

/**
 * Where names are ours or looked at, tar need not distrust them: it would make symlinks last, over files of that name.
 * Without attributes, a tar that has no options for them will do.
 */
function tarInto(directory: string, xattrs: boolean, harmless = true): readonly string[] {
	const more = [...(harmless ? ["-P"] : []), ...(xattrs ? ["--xattrs", "--xattrs-include=*"] : [])];
	return ["tar", "-x", "-p", ...more, "-C", directory, "--numeric-owner"];
}

/** The destination is not where it was guessed to be; nothing was changed. */
class Elsewhere extends Error {
	readonly located: Located;

	constructor(located: Located) {
		super(`the destination is ${located.dest}`);
		this.located = located;
	}
}

/** @throws Elsewhere when `check` says so; NodebuildError COPY_FAILED for what stands in the way. */
async function prepare(guest: Guest, plan: CopyPlan, request: CopyRequest, check?: string): Promise<void> {
	const among = plan.link ? undefined : clashAmongSources(plan);
	const answer = among === undefined ? await guest.script(prepareScript(plan, check)) : CLASH + among;
	const elsewhere = readElsewhere(answer);
	if (elsewhere !== undefined) throw new Elsewhere(elsewhere);
	refuseClash(answer, plan, request);
}

function refuseClash(answer: string, { root }: CopyPlan, { dest }: CopyRequest): void {
	if (!answer.startsWith(CLASH)) return;
	throw new NodebuildError({
		code: "COPY_FAILED",
		message: answer.slice(CLASH.length).replace(root, ""),
		hint: `a directory and something else meet below ${dest}: remove one in an earlier step, or copy to another place`,
	});
}

/** Roughly: with a header for each entry, and its padding. */
function archiveSize({ bytes, sources }: ResolvedCopy): number {
	return sources.reduce((sum, { entries }) => sum + entries.length * 1024, bytes);
}

function extract(
	extraction: Omit<Extraction, "onStderr">,
	request: CopyRequest,
	prepared?: Promise<void>,
): Promise<void> {
	return extracted(request, (onStderr) => extractArchive({ ...extraction, onStderr }, prepared));
}

async function extracted(
	request: CopyRequest,
	run: (onStderr: (data: Uint8Array) => void) => Promise<ExecResult>,
): Promise<void> {
	const said: Uint8Array[] = [];
	const result = await run((data) => said.push(data));
	if (result.status === 0 && !result.rebooted) return;
	const text = (await buffer(Readable.from(said))).toString("utf8").trim();
	const full = /No space left on device/.test(text);
	throw new NodebuildError({
		code: full ? "GUEST_DISK_FULL" : "COPY_FAILED",
		message: full
			? "the machine's disk is full"
			: `the files could not be written to ${request.dest}: tar ended with status ${result.status} in the machine`,
		details: text.split("\n").slice(-5),
		hint: full
			? "give the image a larger disk than it has (--disk-size, 10G by default); a larger disk costs nothing until it is written"
			: `look at ${request.dest} in the machine: nodebuild shell`,
	});
}
