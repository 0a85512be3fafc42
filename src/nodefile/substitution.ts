/**
 * What the forms of `${...}` yield, once name, operator and operand are read.
 * Rules: moby/buildkit frontend/dockerfile/shell/lex.go, processDollar.
 */
import { NodebuildError } from "../errors.ts";
import { replacePattern, trimPrefix, trimSuffix } from "./pattern.ts";

/** `${name<operator>operand}`; with `colon`, an empty value counts as unset. */
export interface Modifier {
	readonly name: string;
	readonly operator: "-" | "+" | "?" | "#" | "%";
	readonly colon: boolean;
	readonly operand: string;
}

/** `${name/pattern/replacement}`, with `all` for `//`. */
export interface Replacement {
	readonly pattern: string;
	readonly replacement: string;
	readonly all: boolean;
}

export function isOperator(char: string | undefined): char is Modifier["operator"] {
	return char === "-" || char === "+" || char === "?" || char === "#" || char === "%";
}

/** An error in a word; whoever knows where the word stands locates it. */
export function wordError(message: string, hint?: string): NodebuildError {
	return new NodebuildError({ code: "NODEFILE_INVALID", message, ...(hint === undefined ? {} : { hint }) });
}

/**
 * The text that `${name...}` stands for.
 * @throws NodebuildError NODEFILE_INVALID when `?` asks for a variable that is not set, or a pattern is invalid.
 */
export function applyModifier(modifier: Modifier, value: string | undefined): string {
	const { name, operator, operand } = modifier;
	const missing = value === undefined || (modifier.colon && value === "");
	switch (operator) {
		case "-":
			return missing ? operand : value;
		case "+":
			return missing ? "" : operand;
		case "?":
			if (!missing) return value;
			throw required(name, operand, value);
		case "#":
			return operand.startsWith("#")
				? trimPrefix(value ?? "", operand.slice(1), true)
				: trimPrefix(value ?? "", operand, false);
		case "%":
			return operand.startsWith("%")
				? trimSuffix(value ?? "", operand.slice(1), true)
				: trimSuffix(value ?? "", operand, false);
	}
}

function required(name: string, operand: string, value: string | undefined): NodebuildError {
	const fault = value === undefined ? "is not allowed to be unset" : "is not allowed to be empty";
	return wordError(
		`${name}: ${operand === "" ? fault : operand}`,
		`Give ${name} a value: --build-arg ${name}=... with an ARG ${name} before this line, or ENV ${name}=...`,
	);
}

export function applyReplacement(replacement: Replacement, value: string | undefined): string {
	return replacePattern(value ?? "", replacement.pattern, replacement.replacement, replacement.all);
}

export function unclosedQuote(what: string, quote: string): NodebuildError {
	return wordError(
		`unexpected end of statement while looking for matching ${what}`,
		`Close the quote with ${quote}, or escape it to mean the character itself.`,
	);
}

export function unclosedBrace(): NodebuildError {
	return wordError("syntax error: missing '}'", `Close \${ with }, or escape the $ to mean a plain dollar sign.`);
}

export function unsupportedModifier(written: string): NodebuildError {
	return wordError(
		`unsupported modifier (${written}) in substitution`,
		`Known forms: \${v:-d} \${v-d} \${v:+a} \${v+a} \${v:?e} \${v?e} \${v#p} \${v##p} \${v%p} \${v%%p} \${v/p/r} \${v//p/r}.`,
	);
}
