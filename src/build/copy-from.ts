/**
 * COPY --from: files of a disk that is mounted beside the machine, copied inside the machine. What is copied where is
 * decided here, by the rules that the context's files follow; two tar(1) in the guest do it, so that owners, modes,
 * times, hard links, holes and extended attributes are kept (tonistiigi/fsutil, copy.go).
 */
import { collect } from "../context/collect.ts";
import { type FoundSource, findSources } from "../context/find.ts";
import { join } from "../context/layout.ts";
import { planLayout } from "../context/index.ts";
import { nearestHint } from "../context/suggest.ts";
import { NodebuildError } from "../errors.ts";
import type { CopyRequest } from "../plan/types.ts";
import { isLink, linkScript } from "./copy-script.ts";
import { COPY_TREE } from "./copy-tree.ts";
import { type Destination, makeDirectories, type Owner, resolveOwner } from "./destination.ts";
import type { MountedSource } from "./mount-source.ts";
import { SourceTree } from "./source-tree.ts";

export interface DiskCopy {
	/** Its flags and destination; the origins are not looked at. */
	readonly request: CopyRequest;
	readonly paths: readonly string[];
	readonly source: MountedSource;
	readonly destination: Destination;
	readonly signal: AbortSignal;
	/** A wildcard that matched nothing, as written. */
	readonly onUnmatched: (pattern: string) => void;
}

/** @throws NodebuildError COPY_SOURCE_MISSING, COPY_FAILED, GUEST_DISK_FULL. */
export async function copyFromDisk(copy: DiskCopy): Promise<void> {
	const { request, paths, source, destination } = copy;
	const { exclude, parents } = request;
	const tree = new SourceTree(source.path, destination.guest);
	// Each of these is a question to the machine; none needs the answer of another.
	const link = isLink(request);
	const questions = [
		link ? { dest: request.dest, destIsDirectory: false } : destination.locate(request.dest),
		resolveOwner(destination, request.chown),
		tree.prefetch(paths, parents || exclude.length > 0),
	] as const;
	await Promise.allSettled(questions);
	const [located, owner] = await Promise.all(questions);
	const missing = async (path: string): Promise<NodebuildError> =>
		new NodebuildError({
			code: "COPY_SOURCE_MISSING",
			message: `failed to find a COPY source in ${source.what}: "/${path}": not found`,
			hint: await nearestHint(tree, path),
		});
	const { found, unmatched } = await findSources({ tree, missing }, { paths, exclude, parents });
	for (const pattern of unmatched) copy.onUnmatched(pattern);
	if (found.length === 0) return;
	const sources = found.map(({ name, node }) => ({ name, isDirectory: node.type === "directory", entries: [] }));
	const { targets, createdParents } = planLayout({ sources }, located);
	const root = { uid: 0, gid: 0 };
	if (link) await destination.guest.script(linkScript(createdParents, owner ?? root, destination.root));
	else await makeDirectories(destination, createdParents, owner ?? root);
	for (const work of await transfersOf(found, targets, tree)) await transfer(work, owner, copy);
}

interface Transfer {
	/** Directory of the source, relative to its root. */
	readonly from: string;
	/** Directory of the destination. */
	readonly into: string;
	/** Names in `from`; undefined: all that is in it, with what is below. */
	readonly names?: readonly string[];
	/** The only name's new one. */
	readonly as?: string;
	/** Each of the names is a source by itself: hard links between them are not kept. */
	readonly apart?: boolean;
}

/** Neighbouring files that keep their names and go to the same place are one piece of work. */
async function transfersOf(
	found: readonly FoundSource[],
	targets: readonly string[],
	tree: SourceTree,
): Promise<readonly Transfer[]> {
	const transfers: (Transfer & { names?: string[] })[] = [];
	for (const [index, source] of found.entries()) {
		const { node, filter } = source;
		const target = targets[index] ?? "/";
		if (node.type === "directory") {
			const all = filter.exclude === undefined && filter.include === undefined;
			const names = all ? undefined : (await collect(tree, node, filter)).map(({ entry }) => entry.path);
			transfers.push({ from: node.path, into: target, ...(names === undefined ? {} : { names }) });
			continue;
		}
		const [from, name] = splitLast(node.path);
		const [into, as] = splitLast(target);
		const last = transfers.at(-1);
		if (last?.apart === true && last.as === undefined && as === name && last.from === from && last.into === `/${into}`)
			last.names?.push(name);
		else transfers.push({ from, into: `/${into}`, names: [name], apart: true, ...(as === name ? {} : { as }) });
	}
	return transfers;
}

function splitLast(path: string): [directory: string, name: string] {
	const slash = path.lastIndexOf("/");
	return [path.slice(0, Math.max(0, slash)).replace(/^\//, ""), path.slice(slash + 1)];
}

async function transfer(work: Transfer, owner: Owner | undefined, copy: DiskCopy): Promise<void> {
	const { destination, request, source, signal } = copy;
	const { guest, root, reach } = destination;
	const said: Uint8Array[] = [];
	const script = `exec nsenter -t "$PPID" -m /bin/sh -c "$0" "$@"`;
	const options = [
		...(owner === undefined ? [] : [`--owner=owner:${owner.uid}`, `--group=owner:${owner.gid}`]),
		...(request.chmod === undefined ? [] : [`--mode=${tarMode(request.chmod)}`]),
		...(work.apart === true ? ["--hard-dereference"] : []),
		...(work.as === undefined ? [] : [`--transform=s,.*,${replacement(work.as)},S`]),
	];
	const facts = [join(source.path, work.from), `${root}${work.into}`, work.as ?? "", reach];
	const ways = [work.names === undefined ? "whole" : "listed", isLink(request) ? "link" : "keep"];
	const result = await guest.exec({
		argv: ["/bin/sh", "-c", script, COPY_TREE, "sh", ...facts, ...ways, ...options],
		...(work.names === undefined ? {} : { stdin: work.names.map((name) => `${name}\0`).join("") }),
		signal,
		onStderr: (data) => said.push(data),
	});
	if (result.status === 0 && !result.rebooted) return;
	throw copyFailed(request, Buffer.concat(said).toString("utf8").trim());
}

/** Five digits: GNU tar keeps setuid and setgid of directories for fewer. */
function tarMode(mode: string): string {
	return /^[0-7]+$/.test(mode) ? mode.padStart(5, "0") : mode;
}

/** The right side of a substitution of sed(1). */
function replacement(name: string): string {
	return name.replace(/[\\&,\n]/g, "\\$&");
}

function copyFailed(request: CopyRequest, said: string): NodebuildError {
	const lines = said.split("\n");
	if (/No space left on device/.test(said))
		return new NodebuildError({
			code: "GUEST_DISK_FULL",
			message: "the machine's disk is full",
			details: lines.slice(-5),
			hint: "give the image a larger disk than it has (--disk-size, 10G by default); a larger disk costs nothing until it is written",
		});
	const clash = lines.find((line) => line.startsWith("cannot "));
	return new NodebuildError({
		code: "COPY_FAILED",
		message: clash ?? `the files could not be copied to ${request.dest} in the machine`,
		details: clash === undefined ? lines.slice(-5) : [],
		hint:
			clash === undefined
				? `look at ${request.dest} in the machine: nodebuild shell`
				: "remove what is in the way in an earlier step, or copy to another place",
	});
}
