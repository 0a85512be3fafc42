/** COPY and ADD in a guest: where things land is decided there, the files go over as one tar stream. */
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { copyStream, parseChmod, planLayout, type ResolvedCopy } from "../context/index.ts";
import { NodebuildError } from "../errors.ts";
import type { CopyRequest } from "../plan/types.ts";
import { CLASH, type CopyPlan, clashAmongSources, isLink, prepareScript } from "./copy-script.ts";
import { type Destination, resolveOwner } from "./destination.ts";
import { type Extraction, extractArchive } from "./transport.ts";
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
	const target = link ? { dest: request.dest, destIsDirectory: false } : await destination.locate(request.dest);
	const placement = planLayout(copy, target);
	const mode = request.chmod === undefined ? undefined : parseChmod(request.chmod);
	const layout = { targets: placement.targets, ...owner, ...(mode === undefined ? {} : { mode }) };
	await prepare(guest, { copy, placement, layout, link, root }, request);
	const common = { guest, disks: destination.disks, signal };
	if (copy.sources.some(({ archive }) => archive === undefined)) {
		const tar = tarInto(`${root}/`, hasXattrs(copy));
		await extract({ ...common, tar, bytes: archiveSize(copy), open: () => copyStream(copy, layout) }, request);
	}
	for (const [index, source] of copy.sources.entries()) {
		const into = placement.targets[index];
		if (source.archive === undefined || into === undefined) continue;
		const directory = `${root}${into}`;
		await unpackArchive({ guest, source, into: directory }, ({ open, bytes, harmless }) =>
			extract({ ...common, tar: tarInto(directory, true, harmless), bytes, open }, request),
		);
	}
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

async function prepare(guest: Destination["guest"], plan: CopyPlan, request: CopyRequest): Promise<void> {
	const among = plan.link ? undefined : clashAmongSources(plan);
	const answer = among === undefined ? await guest.script(prepareScript(plan)) : CLASH + among;
	if (!answer.startsWith(CLASH)) return;
	throw new NodebuildError({
		code: "COPY_FAILED",
		message: answer.slice(CLASH.length).replace(plan.root, ""),
		hint: `a directory and something else meet below ${request.dest}: remove one in an earlier step, or copy to another place`,
	});
}

/** Roughly: with a header for each entry, and its padding. */
function archiveSize({ bytes, sources }: ResolvedCopy): number {
	return sources.reduce((sum, { entries }) => sum + entries.length * 1024, bytes);
}

async function extract(extraction: Omit<Extraction, "onStderr">, request: CopyRequest): Promise<void> {
	const said: Uint8Array[] = [];
	const result = await extractArchive({ ...extraction, onStderr: (data) => said.push(data) });
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
			? "give the image a larger disk, e.g. --disk-size 20G; a larger disk costs nothing until it is written"
			: `look at ${request.dest} in the machine: nodebuild shell`,
	});
}
