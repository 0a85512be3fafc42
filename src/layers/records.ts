/**
 * Records as they lie on disk, read tolerantly: a record that does not say what it must is no record.
 * Fields that this version does not know are let through.
 */
import type { Digest } from "../digest.ts";
import type { ImageConfig } from "../plan/types.ts";
import type { DiskKind } from "./paths.ts";
import type { BaseRecord, ImageRecord, LayerRecord } from "./types.ts";

/** What the store adds to a record for itself. */
interface Stamp {
	/** Random; a layer that is built again under the same key is another instance. */
	readonly instance: string;
	/** Instance of the layer that the disk stands on: an overlay is only right over the very disk it was written over. */
	readonly parentInstance?: string;
	/** Bytes of the disk's file, which nobody writes to again: one that is shorter has lost its end. */
	readonly diskLength?: number;
}

export type Entry =
	| { readonly kind: "bases"; readonly digest: Digest; readonly record: BaseRecord & Stamp }
	| { readonly kind: "layers"; readonly digest: Digest; readonly record: LayerRecord & Stamp }
	| { readonly kind: "images"; readonly digest: Digest; readonly record: ImageRecord & Stamp };

/** Which image a tag means. */
export interface TagRecord {
	readonly version: 1;
	readonly id: Digest;
	/** The image's key, under which it lies. */
	readonly key: Digest;
}

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const size: Check = (value) => typeof value === "number" && Number.isFinite(value) && value >= 0;
const list: Check = Array.isArray;
const one: Check = (value) => value === 1;
const digest: Check = (value) => typeof value === "string" && /^sha256:[0-9a-f]{64}$/.test(value);
const fields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !list(value);
const optional =
	(check: Check): Check =>
	(value) =>
		value === undefined || check(value);
const shape =
	(checks: Readonly<Record<string, Check>>): Check =>
	(value) =>
		fields(value) && Object.entries(checks).every(([name, check]) => check(value[name]));

const STAMP = { version: one, instance: text, parentInstance: optional(text), diskLength: optional(size) };
const CONFIG: Readonly<Record<keyof Pick<ImageConfig, "env" | "user" | "workdir" | "exposed" | "labels">, Check>> = {
	env: list,
	user: text,
	workdir: text,
	exposed: list,
	labels: fields,
};

const SHAPES: Readonly<Record<DiskKind, Check>> = {
	bases: shape({
		...STAMP,
		digest,
		ref: text,
		family: text,
		architecture: text,
		defaultUser: optional(text),
		source: text,
		created: text,
		sourceFormat: text,
		virtualSize: size,
		verified: text,
	}),
	layers: shape({
		...STAMP,
		key: digest,
		parent: optional(digest),
		base: digest,
		title: text,
		created: text,
		size,
		virtualSize: size,
		took: shape({ run: size, freeze: size, boot: optional(size) }),
	}),
	images: shape({
		...STAMP,
		id: digest,
		key: digest,
		layer: digest,
		base: digest,
		baseRef: text,
		family: text,
		architecture: text,
		config: shape({ ...CONFIG, volumes: list, onbuild: list }),
		created: text,
		size,
		virtualSize: size,
		history: list,
		contents: optional((value) => fields(value) && Object.values(value).every(list)),
	}),
};

const TAG = shape({ version: one, id: digest, key: digest });

function parseJson(json: string): unknown {
	try {
		return JSON.parse(json);
	} catch {
		return undefined;
	}
}

/** The digest that an entry's folder is named after. */
const NAMED_AFTER: Readonly<Record<DiskKind, string>> = { bases: "digest", layers: "key", images: "key" };

/** The record in `json`; undefined when it is damaged or of another entry. */
export function parseEntry(kind: DiskKind, of: Digest, json: string): Entry | undefined {
	const value = parseJson(json);
	if (!SHAPES[kind](value) || !fields(value) || value[NAMED_AFTER[kind]] !== of) return undefined;
	return { kind, digest: of, record: value } as unknown as Entry;
}

export function parseTag(json: string): TagRecord | undefined {
	const value = parseJson(json);
	return TAG(value) ? (value as TagRecord) : undefined;
}
