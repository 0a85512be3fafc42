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
	if (text === "" || /^[[{]/.test(text)) return { vars: text };
	const pairs = wordsOf(text).flatMap((word) => {
		const [, name = "", value = ""] = /^([^=]+)=([\s\S]*)$/.exec(word) ?? [];
		return name === "" ? [] : [[name.trim(), unquote(value.trim())] as const];
	});
	return { vars: pairs.length === 0 ? "" : JSON.stringify(Object.fromEntries(pairs)) };
}

/** Words are divided by white space outside of quotes and of `{{ }}`, `{% %}` and `{# #}`. */
function wordsOf(text: string): readonly string[] {
	const words: string[] = [];
	let word = "";
	let quote = "";
	let depth = 0;
	for (let index = 0; index < text.length; index++) {
		const character = text[index] ?? "";
		const two = text.slice(index, index + 2);
		if (quote === "" && depth === 0 && /\s/.test(character)) {
			if (word !== "") words.push(word);
			word = "";
			continue;
		}
		if (quote === "" && ["{{", "{%", "{#"].includes(two)) depth += 1;
		else if (quote === "" && depth > 0 && ["}}", "%}", "#}"].includes(two)) depth -= 1;
		else if (quote !== "" ? character === quote : character === "'" || character === '"')
			if (text[index - 1] !== "\\") quote = quote === "" ? character : "";
		word += character;
	}
	return word === "" ? words : [...words, word];
}

function unquote(value: string): string {
	const [, , inner] = /^(["'])([\s\S]*)\1$/.exec(value) ?? [];
	return inner ?? value;
}
