/** Expressions of templates: `.Vars.name`, `.`, literals, `eq a b`, `ne a b`, `not a`, `default d a`, and pipes of them. */
import { messageOf } from "../../errors.ts";
import { isList, isMap, textOf, type Value, type ValueMap } from "./value.ts";

export interface Scope {
	readonly vars: ValueMap;
	/** What `.` is: of a `range`, the element. */
	readonly dot: Value;
}

export class TemplateFault extends Error {
	readonly hint: string;
	readonly line: number;

	constructor(message: string, hint = "", line = 0) {
		super(message);
		this.hint = hint;
		this.line = line;
	}

	at(line: number): TemplateFault {
		return this.line > 0 ? this : new TemplateFault(this.message, this.hint, line);
	}
}

/** Words of each command of a pipe; a parenthesis is a word. */
export type Expression = readonly (readonly string[])[];

const HINT = "Templates know .Vars.NAME, if, else, range, end, eq, ne, not, and, or and default.";

/** @throws TemplateFault */
export function readExpression(text: string): Expression {
	const commands: string[][] = [[]];
	let rest = text.trim();
	while (rest !== "") {
		const match = /^(?:"(?:[^"\\]|\\.)*"|`[^`]*`|\((?:[^()"]|"[^"]*")*\)|\||[^\s|()"`]+)/.exec(rest);
		if (match === null) throw new TemplateFault(`cannot read the template {{${text}}} at "${rest}"`, HINT);
		if (match[0] === "|") commands.push([]);
		else commands.at(-1)?.push(match[0]);
		rest = rest.slice(match[0].length).trimStart();
	}
	return commands;
}

type Known = Value | undefined;

/** Undefined for a variable that has no value. @throws TemplateFault for what is not understood */
export function evaluate(expression: Expression, scope: Scope): Known {
	let piped: { readonly value: Known } | undefined;
	for (const command of expression) piped = { value: run(command, piped === undefined ? [] : [piped.value], scope) };
	return piped?.value;
}

function run([first = "", ...rest]: readonly string[], piped: readonly Known[], scope: Scope): Known {
	const called = Object.hasOwn(FUNCTIONS, first) ? FUNCTIONS[first] : undefined;
	if (called !== undefined) return called([...rest.map((word) => operand(word, scope)), ...piped]);
	if (rest.length > 0 || piped.length > 0) throw new TemplateFault(`unknown function "${first}" in a template`, HINT);
	return operand(first, scope);
}

/** Where none is found, findIndex's -1 is the last, which is what Go gives. */
const FUNCTIONS: Readonly<Record<string, (values: readonly Known[]) => Known>> = {
	eq: ([first, ...others]) => others.some((other) => textOf(first ?? null) === textOf(other ?? null)),
	ne: ([first, second]) => textOf(first ?? null) !== textOf(second ?? null),
	not: ([value]) => isEmpty(value),
	and: (values) => values.at(values.findIndex(isEmpty)),
	or: (values) => values.at(values.findIndex((value) => !isEmpty(value))),
	default: ([fallback, value]) => (isEmpty(value) ? fallback : value),
};

function isEmpty(value: Known): boolean {
	if (value === undefined || value === null) return true;
	if (isList(value)) return value.length === 0;
	return isMap(value) ? Object.keys(value).length === 0 : !value;
}

function operand(word: string, scope: Scope): Known {
	if (word.startsWith("(")) return evaluate(readExpression(word.slice(1, -1)), scope);
	if (word.startsWith('"')) return quoted(word);
	if (word.startsWith("`")) return word.slice(1, -1);
	if (/^-?\d+(?:\.\d+)?$/.test(word)) return Number(word);
	if (word === "true" || word === "false") return word === "true";
	if (word === ".") return scope.dot;
	const [, names] = /^\.Vars((?:\.[\w-]+)*)$/.exec(word) ?? [];
	if (names !== undefined) return lookUp(scope.vars, names.split(".").slice(1));
	if (/^(?:\.[\w-]+)+$/.test(word) && scope.dot !== scope.vars) return lookUp(scope.dot, word.split(".").slice(1));
	throw new TemplateFault(`expected a variable such as .Vars.name in a template, got ${word || "nothing"}`, HINT);
}

function quoted(word: string): Value {
	try {
		return JSON.parse(word) as Value;
	} catch (cause) {
		throw new TemplateFault(`cannot read the text ${word} in a template`, messageOf(cause));
	}
}

function lookUp(from: Value, names: readonly string[]): Known {
	let value: Known = from;
	for (const name of names)
		value = value !== undefined && isMap(value) && Object.hasOwn(value, name) ? value[name] : undefined;
	return value;
}
