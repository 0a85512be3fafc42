/**
 * The rest of a line into arguments, by the kind of its instruction.
 * Rules: moby/buildkit frontend/dockerfile/parser/line_parsers.go.
 */
import { NodebuildError } from "../errors.ts";
import { cutAtBlanks, isSpace, splitAtBlanks, trimStart } from "./space.ts";

export interface Arguments {
	readonly args: readonly string[];
	/** True when they were a JSON array. */
	readonly json: boolean;
}

type Escape = "\\" | "`";
type Splitter = (rest: string, token: Escape, keyword: string) => Arguments;

/** One entry per instruction that has arguments of its own; ONBUILD holds another instruction instead. */
const SPLITTERS: Readonly<Record<string, Splitter>> = {
	ADD: jsonOrList,
	ARG: (rest, token) => plain(quotedWords(rest, token)),
	CMD: jsonOrString,
	COPY: jsonOrList,
	ENTRYPOINT: jsonOrString,
	ENV: keyValues,
	EXPOSE: list,
	FROM: list,
	HEALTHCHECK: healthcheck,
	LABEL: keyValues,
	MAINTAINER: wholeString,
	RUN: jsonOrString,
	SHELL: jsonOrString,
	STOPSIGNAL: wholeString,
	USER: wholeString,
	VOLUME: jsonOrList,
	WORKDIR: wholeString,
};

/** Splits `rest` as the instruction does; an unknown instruction has one empty argument.
 * @throws NodebuildError NODEFILE_SYNTAX, without a place */
export function splitArguments(keyword: string, rest: string, token: Escape): Arguments {
	const splitter = SPLITTERS[keyword];
	return splitter === undefined ? plain([""]) : splitter(rest, token, keyword);
}

/** Whether the word is an instruction that BuildKit's parser knows. */
export function isKeyword(keyword: string): boolean {
	return keyword === "ONBUILD" || Object.hasOwn(SPLITTERS, keyword);
}

function plain(args: readonly string[]): Arguments {
	return { args, json: false };
}

function wholeString(rest: string): Arguments {
	return plain(rest === "" ? [] : [rest]);
}

function list(rest: string): Arguments {
	return plain(rest === "" ? [] : splitAtBlanks(rest));
}

function jsonOrString(rest: string): Arguments {
	return jsonArray(rest) ?? wholeString(rest);
}

function jsonOrList(rest: string): Arguments {
	return jsonArray(rest) ?? list(rest);
}

/** Undefined when the text is not JSON; then it is read in the other form. */
function jsonArray(rest: string): Arguments | undefined {
	const text = trimStart(rest);
	if (!text.startsWith("[")) return undefined;
	let elements: unknown;
	try {
		elements = JSON.parse(text);
	} catch (error) {
		if (error instanceof SyntaxError) return undefined;
		throw error;
	}
	if (!Array.isArray(elements)) return undefined;
	const args = elements.filter((element) => typeof element === "string");
	if (args.length === elements.length) return { args: args.map(wellFormed), json: true };
	throw new NodebuildError({
		code: "NODEFILE_SYNTAX",
		message: "when using JSON array syntax, arrays must be comprised of strings only",
		hint: 'Quote every element: ["sleep", "1"], or leave the brackets out to have the line run by a shell.',
	});
}

/** Half a surrogate pair becomes U+FFFD, as in Go. */
function wellFormed(text: string): string {
	return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

/** `NAME value with blanks` or `NAME=value NAME2=value2`: key, value and separator ("" or "=") for each pair. */
function keyValues(rest: string, token: Escape, keyword: string): Arguments {
	const words = quotedWords(rest, token);
	const [first] = words;
	if (first === undefined) return plain([]);
	if (!first.includes("=")) {
		const [key, value] = cutAtBlanks(rest);
		if (value !== undefined) return plain([key, value, ""]);
		throw new NodebuildError({
			code: "NODEFILE_SYNTAX",
			message: `${keyword} must have two arguments`,
			hint: `Write ${keyword} ${first}=value.`,
		});
	}
	return plain(words.flatMap((word) => keyValue(word, keyword)));
}

function keyValue(word: string, keyword: string): string[] {
	const equals = word.indexOf("=");
	if (equals >= 0) return [word.slice(0, equals), word.slice(equals + 1), "="];
	throw new NodebuildError({
		code: "NODEFILE_SYNTAX",
		message: `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
		hint: `Quote a value that has blanks: ${keyword} NAME="two words".`,
	});
}

/** `CMD` or `NONE`, then a command. */
function healthcheck(rest: string): Arguments {
	const kind = /^[^\t\n\v\f\r ]*/.exec(rest)?.[0] ?? "";
	if (kind === "") return plain([]);
	const command = jsonOrString(trimStart(rest.slice(kind.length)));
	return { args: [kind, ...command.args], json: command.json };
}

/** Words at white space outside quotes. Quotes and escapes stay in the words; they are resolved on expansion. */
function quotedWords(text: string, token: Escape): string[] {
	const words: string[] = [];
	let word = "";
	let started = false;
	let quote: string | undefined;
	const finish = () => {
		if (started || word !== "") words.push(word);
		word = "";
		started = false;
	};
	for (let at = 0; at < text.length; at++) {
		const char = text.charAt(at);
		if (quote === undefined && isSpace(char)) {
			finish();
			continue;
		}
		if (char === quote) quote = undefined;
		else if (quote === undefined && (char === "'" || char === '"')) {
			quote = char;
			started = true;
		} else if (char === token && quote !== "'") {
			// An escape at the very end is dropped; any other takes the next character with it.
			if (at + 1 < text.length) word += char + text.charAt(++at);
			continue;
		}
		word += char;
	}
	finish();
	return words;
}
