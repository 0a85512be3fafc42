/**
 * `ansible_user_vars`, as `ansible-playbook --extra-vars` reads its argument: JSON or YAML, `@file`, or `name=value` words
 * (ansible/parsing/splitter.py). It is handed on in a file, since everybody on the host can read argument lists.
 */

export interface ExtraVars {
	/** YAML or JSON; empty: none, or those of the file. */
	readonly vars: string;
	/** Path of a file with YAML or JSON. */
	readonly varsFile?: string;
}

export function readExtraVars(text: string): ExtraVars {
	if (text.startsWith("@")) return { vars: "", varsFile: text.slice(1) };
	if (text === "" || text.startsWith("{")) return { vars: text };
	const pairs = wordsOf(text).words.flatMap((word) => {
		const pair = pairOf(word);
		return pair === undefined ? [] : [pair];
	});
	return { vars: pairs.length === 0 ? "" : JSON.stringify(Object.fromEntries(pairs)) };
}

/** What Ansible would stop at, or take for no variable; undefined: nothing. No part of the text is in it: it may be secret. */
export function extraVarsFault(text: string): string | undefined {
	if (/^[[/.]/.test(text))
		return "expected name=value words, YAML or JSON between { and }, or @ and a file's path, got something else";
	if (text === "" || /^[@{]/.test(text)) return undefined;
	const { words, open } = wordsOf(text);
	if (open) return "expected quotes and {{ }} to be closed, got one that is open at the end";
	const at = words.findIndex((word) => pairOf(word) === undefined);
	return at === -1
		? undefined
		: `expected words like name=value (values with blanks in quotes), or YAML between { and }, got no = in word ${at + 1}`;
}

const OPENING = ["{{", "{%", "{#"];
const CLOSING = ["}}", "%}", "#}"];

interface Words {
	readonly words: readonly string[];
	/** A quote, or {{, is not closed. */
	readonly open: boolean;
}

/** Words are divided by blanks and line ends outside of quotes and of `{{ }}`, `{% %}` and `{# #}`; those count in quotes too. */
function wordsOf(text: string): Words {
	const words: string[] = [];
	let word = "";
	let quote = "";
	let depth = 0;
	const end = () => {
		// A backslash alone continues the line.
		if (word !== "" && word !== "\\") words.push(word);
		word = "";
	};
	for (let index = 0; index < text.length; index++) {
		const character = text[index] ?? "";
		const two = text.slice(index, index + 2);
		if (quote === "" && depth === 0 && (character === " " || character === "\n")) {
			end();
			continue;
		}
		const brace = OPENING.includes(two) || CLOSING.includes(two);
		if (brace) depth = Math.max(0, depth + (OPENING.includes(two) ? 1 : -1));
		else if (/["']/.test(character) && text[index - 1] !== "\\" && (quote === "" || quote === character))
			quote = quote === "" ? character : "";
		word += brace ? two : character;
		if (brace) index += 1;
	}
	end();
	return { words, open: quote !== "" || depth > 0 };
}

/** The first = that is not escaped divides; escapes are decoded before. Undefined: the word is none. */
function pairOf(word: string): readonly [name: string, value: string] | undefined {
	const decoded = decodeEscapes(word);
	const at = /(?<=[^\\])=/.exec(decoded)?.index;
	return at === undefined ? undefined : [decoded.slice(0, at).trim(), unquote(decoded.slice(at + 1).trim())];
}

const ESCAPES: Readonly<Record<string, string>> = {
	a: "\x07",
	b: "\b",
	f: "\f",
	n: "\n",
	r: "\r",
	t: "\t",
	v: "\v",
};

/** As Python has them, but for \N{name}. */
function decodeEscapes(text: string): string {
	return text.replace(
		/\\(?:U([\da-fA-F]{8})|u([\da-fA-F]{4})|x([\da-fA-F]{2})|([\\'"abfnrtv]))/g,
		(whole, eight?: string, four?: string, two?: string, one = "") => {
			const code = eight ?? four ?? two;
			if (code === undefined) return ESCAPES[one] ?? one;
			const point = Number.parseInt(code, 16);
			return point > 0x10ffff ? whole : String.fromCodePoint(point);
		},
	);
}

/** A quote at the end that is escaped still closes nothing. */
function unquote(value: string): string {
	const [, , inner] = /^(["'])([\s\S]*)(?<!\\)\1$/.exec(value) ?? [];
	return inner ?? value;
}
