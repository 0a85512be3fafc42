/** The base map at run time: ours, and what users lay over it. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import builtin from "../../base-map.json" with { type: "json" };
import { messageOf, NodebuildError } from "../errors.ts";
import type { BaseEntry, BaseMap } from "../plan/base-map.ts";

export interface NamedBase {
	/** Canonical name: "debian:12". */
	readonly name: string;
	readonly entry: BaseEntry;
}

/** The map that comes with nodebuild. A test holds it against the schema, so no run pays for that. */
export function builtinMap(): BaseMap {
	return builtin as unknown as BaseMap;
}

/**
 * Our map with the given files laid over it, in order: a later file's base or key of the same name
 * replaces the earlier one as a whole.
 * @throws NodebuildError BASE_MAP_INVALID
 */
export async function loadMaps(files: readonly string[]): Promise<BaseMap> {
	let merged = builtinMap();
	for (const file of files) {
		const map = withPaths(await readMap(file), dirname(resolve(file)));
		merged = { ...merged, keys: { ...merged.keys, ...map.keys }, bases: overlay(merged.bases, map.bases) };
	}
	return merged;
}

/** A name or alias that a later map claims is taken from the bases below, so that the later one wins. */
function overlay(below: BaseMap["bases"], above: BaseMap["bases"]): BaseMap["bases"] {
	const claimed = new Set(Object.entries(above).flatMap(([name, entry]) => [name, ...entry.aliases]));
	const bases: Record<string, BaseEntry> = {};
	for (const [name, entry] of Object.entries(below)) {
		if (claimed.has(name)) continue;
		bases[name] = { ...entry, aliases: entry.aliases.filter((alias) => !claimed.has(alias)) };
	}
	return { ...bases, ...above };
}

/** Paths of Nodefiles are taken from the map's own folder. */
function withPaths(map: BaseMap, folder: string): BaseMap {
	const located = (source: BaseEntry["sources"][number]): BaseEntry["sources"][number] => {
		if (source.kind !== "nodefile") return source;
		const context = source.context === undefined ? {} : { context: resolve(folder, source.context) };
		return { ...source, path: resolve(folder, source.path), ...context };
	};
	const bases = Object.entries(map.bases).map(([name, entry]) => [
		name,
		{ ...entry, sources: entry.sources.map(located) },
	]);
	return { ...map, bases: Object.fromEntries(bases) };
}

async function readMap(file: string): Promise<BaseMap> {
	let value: unknown;
	try {
		value = JSON.parse(await readFile(file, "utf8"));
	} catch (error) {
		throw new NodebuildError({
			code: "BASE_MAP_INVALID",
			message: `expected the base map ${file} to be readable JSON: ${messageOf(error)}`,
			hint: "see base-map.json in nodebuild's own folder for an example",
			cause: error,
		});
	}
	return parseMap(value, file);
}

/** Check a map against the schema; zod is loaded only here. */
export async function parseMap(value: unknown, file: string): Promise<BaseMap> {
	const { baseMapSchema } = await import("../plan/base-map.ts");
	const result = baseMapSchema.safeParse(value);
	if (result.success) {
		checkKeys(result.data, file);
		return result.data;
	}
	throw new NodebuildError({
		code: "BASE_MAP_INVALID",
		message: `the base map ${file} does not follow base-map.schema.json`,
		hint: 'an editor that knows JSON schemas helps: put "$schema" at the top of the map',
		details: result.error.issues.map((issue) => `${issue.path.join(".") || "(top)"}: ${issue.message}`),
		cause: result.error,
	});
}

function checkKeys(map: BaseMap, file: string): void {
	const known = new Set([...Object.keys(map.keys), ...Object.keys(builtinMap().keys)]);
	for (const [name, entry] of Object.entries(map.bases)) {
		for (const source of entry.sources) {
			const key = source.kind === "image" ? source.checksum?.signature?.key : undefined;
			if (key === undefined || known.has(key)) continue;
			throw new NodebuildError({
				code: "BASE_MAP_INVALID",
				message: `the base ${name} in ${file} names the key "${key}", which no map has`,
				hint: `add it under "keys", or leave the signature out`,
			});
		}
	}
}

/** Base of this canonical name or alias. */
export function findBase(map: BaseMap, name: string): NamedBase | undefined {
	const own = Object.hasOwn(map.bases, name) ? map.bases[name] : undefined;
	if (own !== undefined) return { name, entry: own };
	for (const [canonical, entry] of Object.entries(map.bases)) {
		if (entry.aliases.includes(name)) return { name: canonical, entry };
	}
	return undefined;
}

/** Every name that a FROM may use, canonical names first. */
export function knownNames(map: BaseMap): readonly string[] {
	return [...Object.keys(map.bases), ...Object.values(map.bases).flatMap((entry) => entry.aliases)];
}
