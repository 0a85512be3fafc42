/** What the text after FROM means: a known name, a file, or an address. Touches nothing. */
import { isAbsolute, join, resolve as resolvePath } from "node:path";
import { NodebuildError, type SourceLocation } from "../errors.ts";
import type { BaseMap } from "../plan/base-map.ts";
import { parseImageName } from "../nodefile/image-name.ts";
import { findBase, knownNames, type NamedBase } from "./map.ts";
import { nearest } from "./nearest.ts";

/** A digest that the user gave; sha512 too, since some vendors publish nothing else. */
export interface Pin {
	readonly algorithm: "sha256" | "sha512";
	/** Lower case. */
	readonly hex: string;
}

export type BaseReference =
	| { readonly kind: "named"; readonly base: NamedBase; readonly pin?: Pin }
	/** `path` is absolute. */
	| { readonly kind: "file"; readonly path: string; readonly pin?: Pin }
	/** `url` without its fragment. */
	| { readonly kind: "url"; readonly url: string; readonly pin?: Pin };

const PIN = /^(sha256)[=:]([0-9a-fA-F]{64})$|^(sha512)[=:]([0-9a-fA-F]{128})$/;

export interface ReferenceContext {
	readonly map: BaseMap;
	/** Relative paths are taken from here: the Nodefile's folder. */
	readonly directory: string;
	readonly at?: SourceLocation;
	/** What names the base, for messages; default "FROM". */
	readonly option?: string;
}

/**
 * Read a FROM reference: `debian:12`, `debian:12@sha256:…`, `./disk.qcow2`, `/images/disk.raw`,
 * `https://host/disk.qcow2#sha256=…`.
 * @throws NodebuildError BASE_UNKNOWN with the nearest known names, NODEFILE_INVALID for a malformed digest.
 */
export function parseReference(text: string, context: ReferenceContext): BaseReference {
	if (/^https?:\/\//i.test(text)) return parseUrl(text, context);
	if (isPath(text)) return parsePath(text, context);
	const [name = "", digest] = split(text, "@");
	// In capitals a name of the map is still known: that is no image of a registry.
	if (parseImageName(name.toLowerCase()) === undefined) throw malformed(text, context);
	const base = findBase(context.map, normalizeName(name));
	if (base === undefined) throw unknownBase(text, context);
	return { kind: "named", base, ...pinOf(digest, text, context) };
}

function isPath(text: string): boolean {
	return text.startsWith("./") || text.startsWith("../") || isAbsolute(text);
}

function parseUrl(text: string, context: ReferenceContext): BaseReference {
	const [address = "", fragment] = split(text, "#");
	if (!URL.canParse(address)) {
		throw new NodebuildError({
			code: "NODEFILE_INVALID",
			message: `expected ${context.option ?? "FROM"} to name a base, a file or an address, got the malformed address "${text}"`,
			hint: 'write it as "https://host/path/disk.qcow2", with "#sha256=…" to pin its content',
			...where(context),
		});
	}
	return { kind: "url", url: address, ...pinOf(fragment, text, context) };
}

function parsePath(text: string, context: ReferenceContext): BaseReference {
	const [path = "", fragment] = /#sha(256|512)=/.test(text) ? split(text, "#") : [text];
	const absolute = isAbsolute(path) ? resolvePath(path) : join(context.directory, path);
	return { kind: "file", path: absolute, ...pinOf(fragment, text, context) };
}

/**
 * The name as the map has it: registry and library prefixes of Docker's names dropped, `:latest` where
 * no tag is, and no `-slim` (a machine's base has no slim variant; the plain one is meant).
 */
export function normalizeName(text: string): string {
	const plain = text.toLowerCase().replace(/^(docker\.io\/)?(library\/)?/, "");
	const tagged = plain.includes(":") ? plain : `${plain}:latest`;
	const [name = "", tag = ""] = split(tagged, ":");
	const whole = tag.replace(/-slim$/, "");
	return `${name}:${whole === "slim" || whole === "" ? "latest" : whole}`;
}

function split(text: string, separator: string): readonly [string, string?] {
	const at = text.indexOf(separator);
	return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function pinOf(text: string | undefined, whole: string, context: ReferenceContext): { readonly pin?: Pin } {
	if (text === undefined) return {};
	const match = PIN.exec(text);
	const algorithm = match?.[1] ?? match?.[3];
	const hex = match?.[2] ?? match?.[4];
	if (hex !== undefined && (algorithm === "sha256" || algorithm === "sha512")) {
		return { pin: { algorithm, hex: hex.toLowerCase() } };
	}
	throw new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `expected a digest, sha256 and 64 hexadecimal digits (or sha512 and 128), got "${text}" in "${whole}"`,
		hint: 'after an address or a path: "#sha256=<digits>"; after a name: "@sha256:<digits>"',
		...where(context),
	});
}

function where(context: ReferenceContext): { readonly at?: SourceLocation } {
	return context.at === undefined ? {} : { at: context.at };
}

/** BuildKit refuses these as "invalid reference format" (github.com/distribution/reference, ParseNormalizedNamed). */
function malformed(text: string, context: ReferenceContext): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `expected ${context.option ?? "FROM"} to name a known base, a file or an address, got "${text}": invalid reference format`,
		hint: 'a name is written name[:tag], such as debian:12; a file as "./disk.qcow2"',
		...where(context),
	});
}

function unknownBase(text: string, context: ReferenceContext): NodebuildError {
	const near = nearest(normalizeName(text), knownNames(context.map));
	const suggestion = near.length === 0 ? "" : `did you mean ${near.map((name) => `"${name}"`).join(", ")}? `;
	const path = /\.(qcow2|img|raw|vmdk|vhdx)$|(^|\/)Nodefile(\.[^/]*)?$/i.test(text)
		? `a file is written "./${text}"; `
		: "";
	return new NodebuildError({
		code: "BASE_UNKNOWN",
		message: `expected ${context.option ?? "FROM"} to name a known base, a file or an address, got "${text}"`,
		hint: `${suggestion}${path}"nodebuild bases" lists the known names, --base-map adds your own`,
		...where(context),
	});
}
