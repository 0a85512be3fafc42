/**
 * The part of Go's templates that suites need: values of variables, `if`, `with`, `range`, names, and defaults.
 *
 *     {{.Vars.version}}  {{.Vars.mode | default "disabled"}}  {{.}}  {{$os := .Vars.os}}
 *     {{if eq .Vars.role "worker"}} ... {{else}} ... {{end}}  {{range $name, $image := .Vars.images}} ... {{end}}
 */
import { evaluate, readExpression, type Scope, TemplateFault } from "./expression.ts";
import { isEmpty } from "./functions.ts";
import { isList, isMap, textOf, type Value } from "./value.ts";

export { TemplateFault } from "./expression.ts";

/** A rendered text, and for each of its lines the line that it comes from, from 1. */
export interface Rendered {
	readonly text: string;
	readonly lines: readonly number[];
}

type Node =
	| { readonly kind: "text"; readonly text: string; readonly line: number }
	| { readonly kind: "value"; readonly expression: string; readonly line: number }
	| {
			readonly kind: "if" | "with" | "range";
			readonly expression: string;
			readonly line: number;
			readonly body: readonly Node[];
			readonly otherwise: readonly Node[];
	  };

/** @throws TemplateFault with its line */
export function render(source: string, vars: Scope["vars"]): Rendered {
	const nodes = new TemplateReader(source).read();
	const out = new Output();
	write(nodes, { vars, dot: undefined, names: new Map() }, out);
	return out.finish();
}

class Output {
	#text = "";
	readonly #lines: number[] = [];

	/** `line` is that of the text's beginning; texts of values have no line breaks of their own. */
	write(text: string, line: number): void {
		if (this.#lines.length === 0) this.#lines.push(line);
		for (const [index, part] of text.split("\n").entries()) {
			if (index > 0) {
				this.#text += "\n";
				this.#lines.push(line + index);
			}
			// A line is from where its first letter is from.
			if (part.trim() !== "" && this.#text.slice(this.#text.lastIndexOf("\n") + 1).trim() === "")
				this.#lines[this.#lines.length - 1] = line + index;
			this.#text += part;
		}
	}

	finish(): Rendered {
		return { text: this.#text, lines: this.#lines };
	}
}

/** Names that a block gives end with it. */
function write(nodes: readonly Node[], around: Scope, out: Output): void {
	const scope = { ...around, names: new Map(around.names) };
	for (const node of nodes) {
		if (node.kind === "text") out.write(node.text, node.line);
		else if (node.kind === "value") writeValue(node, scope, out);
		else writeBranch(node, { ...scope, names: new Map(scope.names) }, out);
	}
}

function writeValue(node: Node & { readonly kind: "value" }, scope: Scope, out: Output): void {
	const { names, assigned, expression } = namesOf(node.expression);
	const value = resolved({ ...node, expression }, scope);
	const [name] = names;
	if (name === undefined) out.write(inline(value), node.line);
	else if (!assigned) scope.names.set(name, { value });
	else {
		const cell = scope.names.get(name);
		if (cell === undefined) throw new TemplateFault(`expected ${name} := before ${name} =`, "", node.line);
		cell.value = value;
	}
}

function writeBranch(node: Node & { readonly kind: "if" | "with" | "range" }, scope: Scope, out: Output): void {
	const { names, expression } = namesOf(node.expression);
	const value = resolved({ ...node, expression }, scope, true);
	if (node.kind !== "range") {
		const [name] = names;
		if (name !== undefined) scope.names.set(name, { value });
		const dot = node.kind === "with" ? value : scope.dot;
		if (isEmpty(value)) write(node.otherwise, scope, out);
		else write(node.body, { ...scope, dot }, out);
		return;
	}
	const entries = entriesOf(value);
	for (const [key, dot] of entries) {
		const inner = new Map(scope.names);
		for (const [index, name] of names.entries())
			inner.set(name, { value: names.length > 1 && index === 0 ? key : dot });
		write(node.body, { ...scope, dot, names: inner }, out);
	}
	if (entries.length === 0) write(node.otherwise, scope, out);
}

/** `$key, $value := expression`, or an expression alone. */
function namesOf(text: string) {
	const [, first, second, sign, rest] = /^(\$\w+)(?:\s*,\s*(\$\w+))?\s*(:?=)\s*([\s\S]*)$/.exec(text) ?? [];
	const names = [first, second].filter((name) => name !== undefined);
	return { names, assigned: sign === "=", expression: rest ?? text };
}

/** Go goes through a map by the order of its keys. */
function entriesOf(value: Value): readonly (readonly [Value, Value])[] {
	if (isList(value)) return [...value.entries()];
	return isMap(value) ? Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)) : [];
}

/** Lists and maps as YAML takes them within a line. */
function inline(value: Value): string {
	return isList(value) || isMap(value) ? JSON.stringify(value) : textOf(value).replaceAll("\n", " ");
}

function resolved(node: { readonly expression: string; readonly line: number }, scope: Scope, optional = false): Value {
	let value: Value | undefined;
	try {
		value = evaluate(readExpression(node.expression), scope);
	} catch (error) {
		throw error instanceof TemplateFault ? error.at(node.line) : error;
	}
	if (value !== undefined) return value;
	if (optional) return null;
	const [name] = /(?<=\.Vars\.)[\w.-]+/.exec(node.expression) ?? [];
	if (name === undefined)
		throw new TemplateFault(`expected {{${node.expression}}} to have a value, got none`, "", node.line);
	const hint = `Give it with --suite-var ${name}=VALUE, or write {{.Vars.${name} | default "..."}}.`;
	throw new TemplateFault(`expected the variable ${name} to have a value, got none`, hint, node.line);
}

interface Token {
	readonly text: string;
	readonly action: boolean;
	readonly line: number;
}

class TemplateReader {
	readonly #tokens: readonly Token[];
	#next = 0;

	constructor(source: string) {
		this.#tokens = tokensOf(source);
	}

	read(): readonly Node[] {
		const { nodes, end } = this.#block();
		if (end !== undefined)
			throw new TemplateFault(`{{${end.text}}} without an if, with or range before it`, "", end.line);
		return nodes;
	}

	/** Up to the `else` or `end` that closes it, which is read too. */
	#block(): { nodes: readonly Node[]; end: Token | undefined } {
		const nodes: Node[] = [];
		for (let token = this.#tokens[this.#next++]; token !== undefined; token = this.#tokens[this.#next++]) {
			const { text, line } = token;
			if (!token.action) nodes.push({ kind: "text", text, line });
			else if (/^(?:else|end)\b/.test(text)) return { nodes, end: token };
			else if (/^(?:if|with|range)\s/.test(text)) nodes.push(this.#branch(token));
			else if (!text.startsWith("/*")) nodes.push({ kind: "value", expression: text, line });
		}
		return { nodes, end: undefined };
	}

	#branch({ text, line }: Token): Node {
		const [, word = "", expression = ""] = /^(\w+)\s+([\s\S]*)$/.exec(text) ?? [];
		const kind = word === "if" || word === "with" ? word : "range";
		const first = this.#block();
		if (first.end === undefined) throw new TemplateFault(`{{${text}}} without {{end}}`, "", line);
		if (first.end.text === "end") return { kind, expression, line, body: first.nodes, otherwise: [] };
		const [, chained] = /^else\s+(if\s[\s\S]*)$/.exec(first.end.text) ?? [];
		if (chained !== undefined) {
			const otherwise = [this.#branch({ text: chained, action: true, line: first.end.line })];
			return { kind, expression, line, body: first.nodes, otherwise };
		}
		const second = this.#block();
		if (second.end?.text !== "end") throw new TemplateFault(`{{${text}}} without {{end}}`, "", line);
		return { kind, expression, line, body: first.nodes, otherwise: second.nodes };
	}
}

/** `{{-` and `-}}` take the white space beside them away, as in Go. */
function tokensOf(source: string): readonly Token[] {
	const tokens: Token[] = [];
	let line = 1;
	let from = 0;
	let trimNext = false;
	const text = (raw: string, trimEnd: boolean): void => {
		const start = trimNext ? raw.trimStart() : raw;
		const skipped = raw.slice(0, raw.length - start.length).split("\n").length - 1;
		tokens.push({ text: trimEnd ? start.trimEnd() : start, action: false, line: line + skipped });
		line += raw.split("\n").length - 1;
	};
	for (const match of source.matchAll(/\{\{(-\s)?([\s\S]*?)(\s-)?\}\}/g)) {
		const [whole, before, inner = "", after] = match;
		text(source.slice(from, match.index), before !== undefined);
		tokens.push({ text: inner.trim(), action: true, line });
		line += whole.split("\n").length - 1;
		from = match.index + whole.length;
		trimNext = after !== undefined;
	}
	text(source.slice(from), false);
	return tokens;
}
