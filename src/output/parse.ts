/** `-o` as docker writes it: `type=qcow2,dest=node.qcow2,compress=true`, or just `node.qcow2`. */
import { NodebuildError } from "../errors.ts";
import { didYouMean } from "../layers/reference.ts";
import { OUTPUT_FORMATS } from "./index.ts";
import type { OutputFormat, OutputRequest } from "./types.ts";

function wrong(message: string, hint?: string): NodebuildError {
	return new NodebuildError({ code: "USAGE", message, hint: hint ?? "for example: -o type=qcow2,dest=node.qcow2" });
}

/** Fields of one CSV line; a field in quotes may hold commas, `""` in it is a quote (RFC 4180). */
function fieldsOf(text: string): readonly string[] {
	const fields: string[] = [];
	for (let rest = text; ; ) {
		const [whole = "", quoted, plain = ""] = /^(?:"((?:[^"]|"")*)"|([^",][^,]*)?)(?=,|$)/.exec(rest) ?? [];
		if (whole === "" && rest.startsWith('"')) throw wrong(`expected a closing quote in the output "${text}"`);
		fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
		if (whole.length === rest.length) return fields;
		rest = rest.slice(whole.length + 1);
	}
}

function formatOfType(type: string): OutputFormat {
	const format = OUTPUT_FORMATS.find((one) => one.type === type.toLowerCase());
	if (format !== undefined) return format;
	const types = OUTPUT_FORMATS.map((one) => one.type);
	throw wrong(`expected an output type of ${types.join(", ")}; got "${type}"`, didYouMean(type, types));
}

/** A format's type by the ending of a file's name. */
function typeOfName(dest: string): string | undefined {
	const name = dest.toLowerCase();
	return OUTPUT_FORMATS.find(({ extensions }) => extensions.some((extension) => name.endsWith(extension)))?.type;
}

function requireFile(dest: string): void {
	if (dest === "-") {
		throw wrong("an image cannot be written to standard output: its formats are not written in order");
	}
	if (dest === "") throw wrong("expected dest to be a file's path, got nothing");
}

function checkOption(format: OutputFormat, name: string, value: string): void {
	if (!Object.hasOwn(format.options, name)) {
		const known = Object.keys(format.options);
		throw wrong(
			`the output type ${format.type} has no option "${name}"; it has dest, ${known.join(", ")}`,
			didYouMean(name, ["type", "dest", ...known]),
		);
	}
	const values = format.values[name];
	if (values === undefined || values.includes(value)) return;
	throw wrong(
		`expected ${name} of the output type ${format.type} to be ${values.join(" or ")}, got "${value}"`,
		didYouMean(value, values),
	);
}

/** `compress` alone says true, as in docker. */
function pairsOf(text: string): ReadonlyMap<string, string> {
	const pairs = new Map<string, string>();
	for (const field of fieldsOf(text)) {
		const equals = field.indexOf("=");
		const name = (equals < 0 ? field : field.slice(0, equals)).trim().toLowerCase();
		if (name === "") throw wrong(`expected name=value in the output "${text}", got "${field}"`);
		if (pairs.has(name)) throw wrong(`the output "${text}" says ${name} twice`);
		pairs.set(name, equals < 0 ? "true" : field.slice(equals + 1));
	}
	return pairs;
}

/**
 * Read an `-o` argument. Types, option names and fixed values are checked here, before a build starts.
 * @throws NodebuildError USAGE, with the nearest known word.
 */
export function parseOutput(text: string): OutputRequest {
	if (!text.includes("=")) {
		requireFile(text);
		const type = typeOfName(text);
		if (type !== undefined) return { type, dest: text, options: {} };
		const known = OUTPUT_FORMATS.flatMap(({ extensions }) => extensions).join(", ");
		throw wrong(
			`expected the output's file name to end in ${known}; got "${text}"`,
			`name the type: -o type=raw,dest=${text}`,
		);
	}
	const pairs = new Map(pairsOf(text));
	const dest = pairs.get("dest") ?? pairs.get("destination");
	if (dest === undefined) throw wrong(`expected dest= in the output "${text}"`);
	requireFile(dest);
	const type = pairs.get("type") ?? typeOfName(dest);
	if (type === undefined) throw wrong(`expected type= in the output "${text}"`);
	const format = formatOfType(type);
	for (const name of ["type", "dest", "destination"]) pairs.delete(name);
	for (const [name, value] of pairs) checkOption(format, name, value);
	return { type: format.type, dest, options: Object.fromEntries(pairs) };
}
