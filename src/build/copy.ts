/** COPY and ADD in a guest: where things land is decided there, the files go over as one tar stream. */
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { contentStream, copyStream, parseChmod, planLayout, type ResolvedCopy } from "../context/index.ts";
import { NodebuildError } from "../errors.ts";
import { readAccounts } from "../guest/accounts.ts";
import { quote } from "../guest/command.ts";
import type { Guest } from "../guest/types.ts";
import { resolveUser } from "../guest/users.ts";
import type { CopyRequest } from "../plan/types.ts";

interface Owner {
	readonly uid: number;
	readonly gid: number;
}

/** @throws NodebuildError COPY_FAILED with what the guest's tar said, GUEST_DISK_FULL. */
export async function copyIntoGuest(
	guest: Guest,
	request: CopyRequest,
	copy: ResolvedCopy,
	signal: AbortSignal,
): Promise<void> {
	const owner = await resolveOwner(guest, request.chown);
	const target = await lookAt(guest, request.dest);
	const placement = planLayout(copy, target);
	const mode = request.chmod === undefined ? undefined : parseChmod(request.chmod);
	await makeDirectories(guest, placement.createdParents, owner);
	const layout = { targets: placement.targets, ...owner, ...(mode === undefined ? {} : { mode }) };
	// Existing directories keep their mode and owner, and a symlink to a directory stays one.
	const tar = [
		"tar",
		"-x",
		"-p",
		"-f",
		"-",
		"-C",
		"/",
		"--numeric-owner",
		"--no-overwrite-dir",
		"--keep-directory-symlink",
	];
	await extract(guest, tar, copyStream(copy, layout), request, signal);
	for (const [index, source] of copy.sources.entries()) {
		const entry = source.entries[0];
		const into = placement.targets[index];
		if (source.archive === undefined || entry === undefined || into === undefined) continue;
		const flags = { none: [], gzip: ["-z"], bzip2: ["-j"], xz: ["-J"], zstd: ["--zstd"] }[source.archive];
		const unpack = ["tar", "-x", "-p", ...flags, "-f", "-", "-C", into, "--numeric-owner", "--keep-directory-symlink"];
		await extract(guest, unpack, contentStream(entry), request, signal);
	}
}

async function resolveOwner(guest: Guest, chown: string | undefined): Promise<Owner> {
	if (chown === undefined) return { uid: 0, gid: 0 };
	const { passwd, group } = await readAccounts(guest);
	const { uid, gid } = resolveUser(chown, passwd, group);
	// BuildKit: a number without a group owns as user and group, whether or not an entry has it.
	return { uid, gid: /^\d+:?$/.test(chown) ? uid : gid };
}

async function lookAt(guest: Guest, dest: string): Promise<{ dest: string; destIsDirectory: boolean }> {
	const slash = dest.endsWith("/") && dest !== "/" ? "/" : "";
	const path = dest.replace(/\/+$/, "") || "/";
	const answer = await guest.script(
		`path=${quote(path)}\nreal=$(readlink -m -- "$path") || real=$path\nif [ -d "$real" ]; then echo d; else echo -; fi\nprintf %s "$real"\n`,
	);
	return { destIsDirectory: answer.startsWith("d"), dest: `${answer.slice(2)}${slash}` };
}

async function makeDirectories(guest: Guest, directories: readonly string[], owner: Owner): Promise<void> {
	if (directories.length === 0) return;
	const lines = directories.map((path) => {
		const word = quote(path);
		return `[ -d ${word} ] || { mkdir -m 755 -- ${word} && chown ${owner.uid}:${owner.gid} ${word}; } || exit 1`;
	});
	await guest.script(`${lines.join("\n")}\n`);
}

async function extract(
	guest: Guest,
	argv: readonly string[],
	stream: Readable,
	request: CopyRequest,
	signal: AbortSignal,
): Promise<void> {
	const said: Uint8Array[] = [];
	const result = await guest.exec({ argv, stdin: stream, signal, onStderr: (data) => said.push(data) });
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
