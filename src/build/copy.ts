/** COPY and ADD in a guest: where things land is decided there, the files go over as one tar stream. */
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { contentStream, copyStream, parseChmod, planLayout, type ResolvedCopy } from "../context/index.ts";
import { NodebuildError } from "../errors.ts";
import type { CopyRequest } from "../plan/types.ts";
import { type Destination, makeDirectories, resolveOwner } from "./destination.ts";
import { type Extraction, extractArchive } from "./transport.ts";

/** @throws NodebuildError COPY_FAILED with what the guest's tar said, GUEST_DISK_FULL. */
export async function copyIntoGuest(
	destination: Destination,
	request: CopyRequest,
	copy: ResolvedCopy,
	signal: AbortSignal,
): Promise<void> {
	const { guest, root } = destination;
	const owner = (await resolveOwner(destination, request.chown)) ?? { uid: 0, gid: 0 };
	const target = await destination.locate(request.dest);
	const placement = planLayout(copy, target);
	const mode = request.chmod === undefined ? undefined : parseChmod(request.chmod);
	await makeDirectories(destination, placement.createdParents, owner);
	const layout = { targets: placement.targets, ...owner, ...(mode === undefined ? {} : { mode }) };
	// Existing directories keep their mode and owner, and a symlink to a directory stays one.
	const tar = [
		"tar",
		"-x",
		"-p",
		"-C",
		`${root}/`,
		"--numeric-owner",
		"--no-overwrite-dir",
		"--keep-directory-symlink",
	];
	const common = { guest, disks: destination.disks, signal };
	await extract({ ...common, tar, bytes: archiveSize(copy), open: () => copyStream(copy, layout) }, request);
	for (const [index, source] of copy.sources.entries()) {
		const entry = source.entries[0];
		const into = placement.targets[index];
		if (source.archive === undefined || entry === undefined || into === undefined) continue;
		const flags = { none: [], gzip: ["-z"], bzip2: ["-j"], xz: ["-J"], zstd: ["--zstd"] }[source.archive];
		const unpack = ["tar", "-x", "-p", ...flags, "-C", `${root}${into}`, "--numeric-owner", "--keep-directory-symlink"];
		// A disk ends in whole sectors, which some programs take for damage behind compressed data.
		const bytes = source.archive === "none" ? entry.size : 0;
		await extract({ ...common, tar: unpack, bytes, open: () => contentStream(entry) }, request);
	}
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
