/**
 * `# nodebuild=disk-size=20G;profile=kubernetes;role=worker`: what a Nodefile says of its machine as a whole. A directive,
 * so that docker reads it as a comment.
 */
import { NodebuildError, type SourceLocation } from "../errors.ts";
import type { NodefileText } from "./types.ts";

export interface NodefileSettings {
	/** Bytes of the image's disk, where the command line says nothing. */
	readonly diskSize?: number;
	/** Name of the profile that knows the Nodefile's variables. */
	readonly profile?: string;
	/** All other settings: they are the profile's to understand. */
	readonly others: Readonly<Record<string, string>>;
	/** The directive's line. */
	readonly at?: SourceLocation;
}

const UNITS: Readonly<Record<string, number>> = { M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** @throws NodebuildError NODEFILE_INVALID at the directive. */
export function settingsOf(source: NodefileText, file: string): NodefileSettings {
	const text = source.directives.nodebuild;
	if (text === undefined) return { others: {} };
	const at = placeOf(source.text, file);
	const others: Record<string, string> = {};
	for (const part of text.split(";").filter((one) => one.trim() !== "")) {
		const match = /^\s*([a-z][a-z-]*)\s*=\s*(\S(?:.*\S)?)\s*$/.exec(part);
		const [, name = "", value = ""] = match ?? [];
		if (match === null) throw invalid(`expected name=value, got "${part.trim()}"`, at);
		if (others[name] !== undefined) throw invalid(`expected ${name} once`, at);
		others[name] = value;
	}
	const { profile, "disk-size": size, ...rest } = others;
	const [unknown] = Object.keys(rest);
	if (profile === undefined && unknown !== undefined)
		throw invalid(`expected disk-size or profile, got "${unknown}"`, at);
	return {
		others: rest,
		at,
		...(profile === undefined ? {} : { profile }),
		...(size === undefined ? {} : { diskSize: bytesOf(size, at) }),
	};
}

function bytesOf(text: string, at: SourceLocation): number {
	const match = /^(\d+)([MGT])i?B?$/i.exec(text);
	const unit = UNITS[(match?.[2] ?? "").toUpperCase()];
	if (match !== null && unit !== undefined && Number(match[1]) > 0) return Number(match[1]) * unit;
	throw invalid(`expected disk-size to be a size such as 20G, got "${text}"`, at);
}

function placeOf(text: string, file: string): SourceLocation {
	const lines = text.split(/\r?\n/);
	const index = Math.max(
		0,
		lines.findIndex((line) => /^\s*#\s*nodebuild\s*=/i.test(line)),
	);
	const line = lines[index] ?? "";
	return { file, line: index + 1, column: 1, text: line, length: line.length };
}

function invalid(message: string, at: SourceLocation): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `in "# nodebuild=", ${message}`,
		hint: "for example: # nodebuild=disk-size=20G;profile=kubernetes;role=worker",
		at,
	});
}
