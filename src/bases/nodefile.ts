/** A FROM that means another Nodefile: by its path, or by a name of the base map. Touches nothing. */
import { basename, dirname } from "node:path";
import { NodebuildError } from "../errors.ts";
import { parseReference, type ReferenceContext } from "./resolve.ts";

export interface NodefileReference {
	/** Absolute. */
	readonly path: string;
	/** Folder that its COPY takes files from. Absolute. */
	readonly context: string;
	readonly target?: string;
}

/** Names that are a Nodefile's and no disk's: Nodefile, Nodefile.worker, worker.nodefile, Dockerfile. */
const NAME = /^(nodefile|dockerfile)(\.|$)|\.(nodefile|dockerfile)$/i;
const DISK = /\.(qcow2|img|raw|vmdk|vhdx?)$/i;

/** The Nodefile that `text` means; undefined for every other kind of base. @throws NodebuildError as parseReference. */
export function nodefileOf(text: string, context: ReferenceContext): NodefileReference | undefined {
	const reference = parseReference(text, context);
	if (reference.kind === "url") return undefined;
	if (reference.kind === "file") {
		const name = basename(reference.path);
		if (!NAME.test(name) || DISK.test(name)) return undefined;
		if (reference.pin !== undefined) throw pinned(text, context);
		return { path: reference.path, context: dirname(reference.path) };
	}
	for (const source of reference.base.entry.sources) {
		if (source.kind !== "nodefile") continue;
		if (reference.pin !== undefined) throw pinned(text, context);
		const { path, target } = source;
		return { path, context: source.context ?? dirname(path), ...(target === undefined ? {} : { target }) };
	}
	return undefined;
}

function pinned(text: string, { at }: ReferenceContext): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `expected no digest after the name of a Nodefile, got "${text}": its image is made here`,
		hint: "leave the digest out; pin the base that the Nodefile itself is FROM",
		...(at === undefined ? {} : { at }),
	});
}
