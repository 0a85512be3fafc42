/**
 * `--mount=` of RUN. Rules: moby/buildkit frontend/dockerfile/instructions/commands_runmount.go.
 */
import { nearest } from "../nodefile/suggest.ts";
import { splitCsv } from "./csv.ts";
import { given } from "./definition.ts";
import { Fault } from "./fault.ts";
import { parseBoolean, parseBytes, parseUnsigned } from "./values.ts";
import type { MountSpec, RunInstruction } from "./types.ts";

const TYPES = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
const SHARINGS = ["shared", "private", "locked"] as const;
const KEYS =
	"type from source src target dst destination readonly ro readwrite rw required size id sharing mode uid gid env".split(
		" ",
	);

/** Options that hold any text and go with any type. */
const TEXTS = ["from", "source", "src", "target", "dst", "destination", "id"];

/** A mount that is being read; `readOnly` is undefined until an option sets it. */
type Draft = { -readonly [Key in keyof MountSpec]: MountSpec[Key] };

/** Replaces the variables of one value. */
export type Expand = (value: string) => string;

/**
 * The mounts of a RUN with their variables replaced and everything checked.
 * @throws Fault, and whatever `expand` throws
 */
export function mountsOf(run: RunInstruction, expand: Expand): MountSpec[] {
	return run.mountFlags.map((text) => parseMount(text, expand));
}

/** @throws Fault */
function parseMount(text: string, expand: Expand): MountSpec {
	const mount: Draft = { type: "bind" };
	for (const field of splitCsv(text)) {
		const { key, value } = splitField(field);
		setOption(mount, key, value === undefined ? undefined : expand(value), field);
	}
	check(mount);
	return finish(mount);
}

/**
 * What can be told of a `--mount=` while its variables are not known: its texts as written, its type where that is
 * plain. BuildKit checks no more at this point, since a stage that is not needed may say what it likes.
 * @throws Fault for broken CSV, and for a variable in `from`, which decides what the stage depends on
 */
export function sketchMount(text: string): MountSpec {
	const mount: Draft = { type: "bind" };
	for (const field of splitCsv(text)) {
		const { key, value } = splitField(field);
		if (value === undefined) continue;
		if (key === "from" && /\$./.test(value)) throw variableInFrom();
		if (key === "type") mount.type = TYPES.find((type) => type === value.toLowerCase()) ?? mount.type;
		else if (TEXTS.includes(key)) setValue(mount, key, value, field);
	}
	return finish(mount);
}

function splitField(field: string): { key: string; value: string | undefined } {
	const equals = field.indexOf("=");
	if (equals < 0) return { key: field.toLowerCase(), value: undefined };
	return { key: field.slice(0, equals).toLowerCase(), value: field.slice(equals + 1) };
}

function setOption(mount: Draft, key: string, value: string | undefined, field: string): void {
	switch (key) {
		case "readonly":
		case "ro":
			mount.readOnly = value === undefined || parseBoolean(key, value);
			return;
		case "readwrite":
		case "rw":
			mount.readOnly = !(value === undefined || parseBoolean(key, value));
			return;
		case "required":
			if (mount.type !== "secret" && mount.type !== "ssh") throw unexpectedFor(key, mount);
			mount.required = value === undefined || parseBoolean(key, value);
			return;
	}
	if (value === undefined) {
		if (KEYS.includes(key))
			throw new Fault({ message: `invalid field '${field}' must be a key=value pair`, part: field });
		throw unexpectedKey(key, field);
	}
	setValue(mount, key, value, field);
}

function setValue(mount: Draft, key: string, value: string, field: string): void {
	switch (key) {
		case "type":
			mount.type = oneOf(value, TYPES, "unsupported mount type");
			return;
		case "from":
			mount.from = value;
			return;
		case "source":
		case "src":
			mount.source = value;
			return;
		case "target":
		case "dst":
		case "destination":
			mount.target = value;
			return;
		case "id":
			mount.id = value;
			return;
		case "sharing":
			mount.sharing = oneOf(value, SHARINGS, "unsupported sharing value");
			return;
		case "size":
			if (mount.type !== "tmpfs") throw unexpectedFor(key, mount);
			mount.sizeLimit = parseBytes(key, value);
			return;
		case "env":
			if (mount.type !== "secret") throw unexpectedFor(key, mount);
			mount.env = value;
			return;
		case "mode":
			mount.mode = parseUnsigned(key, value, 8);
			return;
		case "uid":
			mount.uid = parseUnsigned(key, value, 10);
			return;
		case "gid":
			mount.gid = parseUnsigned(key, value, 10);
			return;
		default:
			throw unexpectedKey(key, field);
	}
}

/** Whether the options fit together. */
function check(mount: Draft): void {
	const { type } = mount;
	if (type === "bind" || type === "tmpfs") {
		for (const key of ["mode", "uid", "gid"] as const) {
			if (mount[key] !== undefined)
				throw new Fault({ message: `${key} not allowed for "${type}" type mounts`, part: key });
		}
	}
	if (type === "secret") {
		if (isSet(mount.from)) throw new Fault({ message: "secret mount should not have a from", part: "from" });
		if (mount.sharing !== undefined) throw new Fault({ message: "secret mount should not define sharing" });
		if (!isSet(mount.source) && !isSet(mount.target) && !isSet(mount.id)) {
			throw new Fault({
				message: "invalid secret mount. one of source, target required",
				hint: "Name the secret: id=NAME.",
			});
		}
		if (isSet(mount.source) && isSet(mount.id)) throw new Fault({ message: "both source and id can't be set" });
	}
	if (mount.sharing !== undefined && type !== "cache") {
		throw new Fault({ message: `invalid cache sharing set for ${type} mount`, part: "sharing" });
	}
}

function isSet(text: string | undefined): boolean {
	return text !== undefined && text !== "";
}

/** Caches and tmpfs are writable unless the mount says otherwise, all else is read-only; empty texts count as absent. */
function finish(mount: Draft): MountSpec {
	const { readOnly = mount.type !== "cache" && mount.type !== "tmpfs", type, required, sharing } = mount;
	const texts = Object.entries(mount).filter(([, value]) => value !== "");
	return { ...Object.fromEntries(texts), type, readOnly, ...given("required", required), ...given("sharing", sharing) };
}

function oneOf<Value extends string>(text: string, allowed: readonly Value[], message: string): Value {
	const value = allowed.find((candidate) => candidate === text.toLowerCase());
	if (value !== undefined) return value;
	const meant = nearest(text, allowed);
	throw new Fault({
		message: `${message} ${JSON.stringify(text)}${meant === undefined ? "" : ` (did you mean ${meant}?)`}`,
		part: text,
		hint: `Known are ${allowed.join(", ")}.`,
	});
}

function unexpectedKey(key: string, field: string): Fault {
	const meant = nearest(key, KEYS);
	return new Fault({
		message: `unexpected key '${key}' in '${field}'${meant === undefined ? "" : ` (did you mean ${meant}?)`}`,
		part: field,
		hint: `Options of a mount are ${KEYS.join(", ")}.`,
	});
}

function unexpectedFor(key: string, mount: Draft): Fault {
	return new Fault({
		message: `unexpected key '${key}' for mount type '${mount.type}'`,
		part: key,
		hint: "Write type= before the options that depend on it.",
	});
}

function variableInFrom(): Fault {
	return new Fault({
		message: "'from' doesn't support variable expansion, define alias stage instead",
		part: "from=",
		hint: "Add a stage FROM $NAME AS alias and write from=alias.",
	});
}
