/** Expressions of templates: `.Vars.name`, `$name`, `.`, literals, functions of them, parentheses, and pipes. */
import { messageOf } from "../../errors.ts";
import { callFunction, FUNCTION_NAMES, isEmpty, type Known } from "./functions.ts";
import { isMap, type Value, type ValueMap } from "./value.ts";

export interface Scope {
	readonly vars: ValueMap;
	/** What `.` is: of a `range`, the element; undefined outside of any. */
	readonly dot: Value | undefined;
	/** What is called `$name`; a block has a map of its own, and shares the cells of those around it. */
	readonly names: Map<string, { value: Value }>;
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

/** Commands, each of operands. */
export type Expression = readonly (readonly Operand[])[];

type Operand =
	| { readonly kind: "word"; readonly word: string }
	| { readonly kind: "group"; readonly inside: Expression; readonly fields: readonly string[] };

const HINT = `Templates know .Vars.NAME, $NAME, if, else, with, range, end, and ${["and", "or", ...FUNCTION_NAMES].join(", ")}.`;

const TOKEN = /^(?:"(?:[^"\\]|\\.)*"|`[^`]*`|\)(?:\.[\w-]+)*|[(|]|[^\s|()"`]+)/;

/** @throws TemplateFault */
export function readExpression(text: string): Expression {
	const tokens: string[] = [];
	let rest = text.trim();
	while (rest !== "") {
		const [token = ""] = TOKEN.exec(rest) ?? [];
		if (token === "") throw unreadable(text, rest);
		tokens.push(token);
		rest = rest.slice(token.length).trimStart();
	}
	const expression = readPipe(tokens);
	if (tokens.length > 0) throw unreadable(text, tokens.join(" "));
	return expression;
}

function unreadable(text: string, rest: string): TemplateFault {
	return new TemplateFault(`cannot read the template {{${text}}} at "${rest}"`, HINT);
}

/** Takes tokens away up to the parenthesis that ends it. */
function readPipe(tokens: string[]): Expression {
	const commands: Operand[][] = [[]];
	for (let token = tokens[0]; token !== undefined && !token.startsWith(")"); token = tokens[0]) {
		tokens.shift();
		if (token === "|") commands.push([]);
		else commands.at(-1)?.push(token === "(" ? readGroup(tokens) : { kind: "word", word: token });
	}
	return commands;
}

function readGroup(tokens: string[]): Operand {
	const inside = readPipe(tokens);
	const end = tokens.shift();
	if (end === undefined) throw new TemplateFault("expected ) in a template, got its end", HINT);
	return { kind: "group", inside, fields: end.split(".").slice(1) };
}

/** Undefined for a variable that has no value. @throws TemplateFault for what is not understood */
export function evaluate(expression: Expression, scope: Scope): Known {
	let piped: { readonly value: Known } | undefined;
	for (const command of expression) piped = { value: run(command, piped === undefined ? [] : [piped.value], scope) };
	return piped?.value;
}

function run([first, ...rest]: readonly Operand[], piped: readonly Known[], scope: Scope): Known {
	const name = first?.kind === "word" ? first.word : "";
	if (name === "and" || name === "or") {
		let value: Known;
		// The first one that decides; what follows it may have no meaning then.
		for (const read of [...rest.map((one) => () => operand(one, scope)), ...piped.map((one) => () => one)]) {
			value = read();
			if (isEmpty(value) === (name === "and")) break;
		}
		return value;
	}
	if (FUNCTION_NAMES.includes(name)) {
		try {
			return callFunction(name, [...rest.map((one) => operand(one, scope)), ...piped]);
		} catch (error) {
			throw error instanceof TypeError ? new TemplateFault(`${name} in a template: ${error.message}`, HINT) : error;
		}
	}
	if (rest.length > 0 || piped.length > 0) throw new TemplateFault(`unknown function "${name}" in a template`, HINT);
	return operand(first ?? { kind: "word", word: "" }, scope);
}

function operand(one: Operand, scope: Scope): Known {
	if (one.kind === "group") return lookUp(evaluate(one.inside, scope), one.fields);
	const { word } = one;
	if (word.startsWith('"')) return quoted(word);
	if (word.startsWith("`")) return word.slice(1, -1);
	if (/^-?\d+(?:\.\d+)?$/.test(word)) return Number(word);
	if (word === "true" || word === "false") return word === "true";
	return variable(word, scope);
}

function variable(word: string, scope: Scope): Known {
	const [first = "", ...fields] = word.split(".");
	const wellFormed = /^(?:\$\w*)?(?:\.[\w-]+)*$/.test(word) && word !== "";
	if (fields[0] === "Env" && (first === "$" || (first === "" && scope.dot === undefined))) throw environmentFault();
	if (word === "." && scope.dot !== undefined) return scope.dot;
	if (wellFormed && first.length > 1) {
		const cell = scope.names.get(first);
		if (cell === undefined) throw new TemplateFault(`${first} has no value yet in a template`, HINT);
		return lookUp(cell.value, fields);
	}
	if (wellFormed && fields[0] === "Vars") return lookUp(scope.vars, fields.slice(1));
	if (wellFormed && first === "" && scope.dot !== undefined) return lookUp(scope.dot, fields);
	if (/^\w+$/.test(word) && Number.isNaN(Number(word)))
		throw new TemplateFault(`unknown function "${word}" in a template`, HINT);
	throw new TemplateFault(`expected a variable such as .Vars.name in a template, got ${word || "nothing"}`, HINT);
}

/** Templates are filled in before anything boots: goss's own environment, in the machine, is not there yet. */
function environmentFault(): TemplateFault {
	return new TemplateFault(
		"templates have no environment (.Env)",
		"Hand a variable on with --suite-var NAME, and write {{.Vars.NAME}}.",
	);
}

function quoted(word: string): Value {
	try {
		return JSON.parse(word) as Value;
	} catch (cause) {
		throw new TemplateFault(`cannot read the text ${word} in a template`, messageOf(cause));
	}
}

function lookUp(from: Known, names: readonly string[]): Known {
	let value = from;
	for (const name of names)
		value = value !== undefined && isMap(value) && Object.hasOwn(value, name) ? value[name] : undefined;
	return value;
}
