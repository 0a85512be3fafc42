/**
 * The part of Go's templates that suites need: values of variables, `if`, `range`, and defaults.
 *
 *     {{.Vars.version}}  {{.Vars.mode | default "disabled"}}  {{.}}
 *     {{if eq .Vars.role "worker"}} ... {{else}} ... {{end}}  {{range .Vars.images}} ... {{end}}
 */
import { evaluate, readExpression, type Scope, TemplateFault } from "./expression.ts";
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
			readonly kind: "if" | "range";
			readonly expression: string;
			readonly line: number;
			readonly body: readonly Node[];
			readonly otherwise: readonly Node[];
	  };

/** @throws TemplateFault with its line */
export function render(source: string, vars: Scope["vars"]): Rendered {
	const nodes = new TemplateReader(source).read();
	const out = new Output();
	write(nodes, { vars, dot: vars }, out);
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

function write(nodes: readonly Node[], scope: Scope, out: Output): void {
	for (const node of nodes) {
		if (node.kind === "text") out.write(node.text, node.line);
		else if (node.kind === "value") out.write(inline(resolved(node, scope)), node.line);
		else if (node.kind === "if") write(isTrue(resolved(node, scope, true)) ? node.body : node.otherwise, scope, out);
		else {
			const value = resolved(node, scope, true);
			const list = isList(value) ? value : isMap(value) ? Object.values(value) : [];
			for (const dot of list) write(node.body, { ...scope, dot }, out);
			if (list.length === 0) write(node.otherwise, scope, out);
		}
	}
}

/** Lists and maps as YAML takes them within a line. */
function inline(value: Value): string {
	return textOf(value).replaceAll("\n", " ");
}

function isTrue(value: Value): boolean {
	if (isList(value)) return value.length > 0;
	return isMap(value) ? Object.keys(value).length > 0 : Boolean(value);
}

function resolved(node: { readonly expression: string; readonly line: number }, scope: Scope, optional = false): Value {
	const at = <Result>(read: () => Result): Result => {
		try {
			return read();
		} catch (error) {
			throw error instanceof TemplateFault ? error.at(node.line) : error;
		}
	};
	const value = at(() => evaluate(readExpression(node.expression), scope));
	if (value !== undefined) return value;
	if (optional) return null;
	const [name = node.expression] = /(?<=\.Vars\.)[\w.-]+/.exec(node.expression) ?? [];
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
		if (end !== undefined) throw new TemplateFault(`{{${end.text}}} without an if or range before it`, "", end.line);
		return nodes;
	}

	/** Up to the `else` or `end` that closes it, which is read too. */
	#block(): { nodes: readonly Node[]; end: Token | undefined } {
		const nodes: Node[] = [];
		for (let token = this.#tokens[this.#next++]; token !== undefined; token = this.#tokens[this.#next++]) {
			const { text, line } = token;
			if (!token.action) nodes.push({ kind: "text", text, line });
			else if (/^(?:else|end)\b/.test(text)) return { nodes, end: token };
			else if (/^(?:if|range)\s/.test(text)) nodes.push(this.#branch(token));
			else if (!text.startsWith("/*")) nodes.push({ kind: "value", expression: text, line });
		}
		return { nodes, end: undefined };
	}

	#branch({ text, line }: Token): Node {
		const [, word = "", expression = ""] = /^(\w+)\s+([\s\S]*)$/.exec(text) ?? [];
		const kind = word === "if" ? "if" : "range";
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
