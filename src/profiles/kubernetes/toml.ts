/** Configuration of containerd, looked at before anything boots: in the machine a mistake would be found much later. */
import { parse, stringify, TomlError, type TomlTable, type TomlValue } from "smol-toml";
import { messageOf } from "../../errors.ts";

/** What is wrong with a text in TOML, with its place; undefined: nothing. */
export function tomlFault(content: Uint8Array): string | undefined {
	let text: string;
	try {
		text = new TextDecoder("utf-8", { fatal: true }).decode(content);
	} catch {
		return "it is no UTF-8";
	}
	try {
		parse(text, { integersAsBigInt: true });
		return undefined;
	} catch (error) {
		// The message goes on with the lines around it.
		const [first = ""] = messageOf(error).split("\n");
		const why = first.replace(/^Invalid TOML document: /, "");
		return error instanceof TomlError ? `line ${error.line}, column ${error.column}: ${why}` : why;
	}
}

/**
 * The same settings in the plainest way to write them: one key a line, each table under its whole header in double quotes,
 * no dotted keys, comments, or inline tables but in arrays. The script that takes them into a configuration reads lines.
 * Empty, where nothing is set. @param content without fault
 */
export function plainToml(content: Uint8Array): string {
	// Integers stay integers, and floats that are whole stay floats.
	const settings = parse(new TextDecoder().decode(content), { integersAsBigInt: true });
	return linesOf(settings, []).join("");
}

function linesOf(table: TomlTable, path: readonly string[]): readonly string[] {
	const entries = Object.entries(table);
	const values = entries.flatMap(([key, value]) => (isTable(value) ? [] : [lineOf(key, value)]));
	const tables = entries.flatMap(([key, value]) => (isTable(value) ? linesOf(value, [...path, key]) : []));
	// An empty table says something too; one that has nothing but tables is told by these.
	const header =
		path.length > 0 && (values.length > 0 || tables.length === 0) ? [`[${path.map(keyOf).join(".")}]\n`] : [];
	return [...header, ...values, ...tables];
}

/** An array of tables in one line as well: with a header for each, their own tables would be hard to tell apart. */
function lineOf(key: string, value: TomlValue): string {
	const line = Array.isArray(value) ? [value] : value;
	const text = stringify({ value: line }, { numbersAsFloat: true })
		.trimEnd()
		.replace(/^value = /, "");
	return `${keyOf(key)} = ${Array.isArray(value) ? text.replace(/^\[ | \]$/g, "") : text}\n`;
}

const keyOf = (key: string): string => stringify({ [key]: true }).replace(/ = true\n$/, "");

function isTable(value: TomlValue): value is TomlTable {
	return (
		typeof value === "object" &&
		!Array.isArray(value) &&
		!(value instanceof Date) &&
		Object.getPrototypeOf(value) === null
	);
}

/** The bytes of base64 as base64(1) reads it; undefined for what is none. */
export function bytesOf(base64: string): Uint8Array | undefined {
	const bytes = Buffer.from(base64, "base64");
	return bytes.toString("base64") === base64 ? bytes : undefined;
}
