/**
 * ADD of a local archive, as moby's go-archive unpacks one: the host decompresses it and looks at its members, the
 * guest's tar writes them.
 */
import { Readable } from "node:stream";
import { archiveStream, type CopySource, joinPath, readTar, TAR_END, type TarMember } from "../context/index.ts";
import { NodebuildError } from "../errors.ts";
import { quote } from "../guest/command.ts";
import type { Guest } from "../guest/types.ts";

export interface Unpacking {
	readonly guest: Guest;
	readonly source: CopySource;
	/** Absolute guest directory. */
	readonly into: string;
}

/** A tar archive for the guest's tar. */
export interface Unpacked {
	readonly open: () => Readable;
	readonly bytes: number;
	/** No name in it begins with a slash. */
	readonly harmless: boolean;
}

/** @throws NodebuildError COPY_FAILED for a broken archive. */
export async function unpackArchive(
	{ guest, source, into }: Unpacking,
	extract: (archive: Unpacked) => Promise<void>,
): Promise<void> {
	const lines: string[] = [];
	const guard = new LinkGuard(source.name);
	let harmless = true;
	let bytes = TAR_END.length;
	for await (const part of readTar(archiveStream(source), source.name)) {
		if (part.kind !== "member" || part.member.name === ".") continue;
		guard.check(part.member);
		bytes += part.member.head.length + part.member.size;
		harmless &&= !part.member.absolute && !part.member.linkname.startsWith("/");
		const what = part.member.type === "directory" ? "d" : "f";
		lines.push(`${what} ${quote(joinPath(into, part.member.name))}`);
	}
	await guest.script(`${CLEAR}${lines.join("\n")}\n`);
	await extract({ open: () => Readable.from(withoutRoot(source), { objectMode: false }), bytes, harmless });
}

/** What is not the same kind of thing as the member goes, directories with all that is in them. */
const CLEAR = `set -e
real() { [ -d "$1" ] && [ ! -h "$1" ]; }
d() { real "$1" || { [ ! -e "$1" ] && [ ! -h "$1" ]; } || rm -f -- "$1"; }
f() { ! real "$1" || rm -rf -- "$1"; }
`;

/** A member for the root says nothing to a directory that exists, and the destination does. */
async function* withoutRoot(source: CopySource): AsyncGenerator<Uint8Array> {
	let skipping = false;
	for await (const part of readTar(archiveStream(source), source.name)) {
		if (part.kind === "member") skipping = part.member.name === ".";
		if (!skipping) yield part.kind === "member" ? part.member.head : part.bytes;
	}
	yield TAR_END;
}

const LINK_LIMIT = 255;

/** Follows the archive's own symlinks: no member may leave the destination through one. */
class LinkGuard {
	readonly #archive: string;
	readonly #links = new Map<string, string>();

	constructor(archive: string) {
		this.#archive = archive;
	}

	check(member: TarMember): void {
		const { name, type, linkname } = member;
		if (name.startsWith("../") || name === "..") throw this.#escape(member, "its name");
		if (type === "link" && /^(\.\.\/|\.\.$)/.test(linkname)) throw this.#escape(member, `a link to ${linkname}`);
		this.#follow(member);
		if (type === "symlink") this.#links.set(name, linkname);
		else this.#links.delete(name);
	}

	#follow(member: TarMember): void {
		if (this.#links.size === 0) return;
		let pending = member.name.split("/").slice(0, -1);
		let here: string[] = [];
		for (let followed = 0; pending.length > 0; ) {
			const [part = "", ...rest] = pending;
			pending = rest;
			if (part === "" || part === ".") continue;
			if (part === "..") {
				if (here.pop() === undefined) throw this.#escape(member, "a symlink in its path");
				continue;
			}
			const target = this.#links.get([...here, part].join("/"));
			if (target === undefined) {
				here = [...here, part];
				continue;
			}
			if (target.startsWith("/") || ++followed > LINK_LIMIT) throw this.#escape(member, `the symlink ${part}`);
			pending = [...target.split("/"), ...rest];
		}
	}

	#escape({ name }: TarMember, through: string): NodebuildError {
		return new NodebuildError({
			code: "COPY_FAILED",
			message: `expected the members of ${this.#archive} to stay in the destination, but ${name} leaves it through ${through}`,
			hint: "unpack it in a RUN, if that is what you want",
		});
	}
}
