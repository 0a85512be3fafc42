/** What the values of variables are made of: texts, switches and lists, with what is said of those that are none. */
import * as z from "zod";

/** Real files say "\"nfs-utils net-tools\"" and mean the words inside. */
function unquote(text: string): string {
	const inner = /^\s*(["'])(.*)\1\s*$/s.exec(text)?.[2];
	return inner ?? text;
}

/** For messages; what JSON has may be long. */
export function shown(value: unknown): string {
	// A login that is cut off would not be seen as one; more than this takes long to look through.
	const json = withoutLogin((JSON.stringify(value) ?? String(value)).slice(0, 4096));
	return json.length > 80 ? `${json.slice(0, 80)}...` : json;
}

const insteadOf = (expected: string) => ({
	error: ({ input }: { readonly input?: unknown }) => `expected ${expected}, got ${shown(input)}`,
});

export const text = z
	.union([z.string(), z.number(), z.boolean(), z.null()], insteadOf("a text"))
	.transform((value) => (value === null ? "" : unquote(String(value)).trim()));

export const flag = z
	.union([z.boolean(), z.string(), z.number(), z.null()], insteadOf("true or false"))
	.transform((value, context) => {
		const word = unquote(String(value ?? ""))
			.trim()
			.toLowerCase();
		if (["true", "yes", "on", "1"].includes(word)) return true;
		if (["false", "no", "off", "0", "", "none", "null"].includes(word)) return false;
		context.addIssue({ code: "custom", message: `expected true or false, got ${shown(value)}` });
		return z.NEVER;
	});

/** What the word "none" means: nothing, as an empty text; nothing that the default could be, so no value; or itself. */
type None = "nothing" | "refused" | "itself";

/** image-builder's null is as if the variable was not there. */
export function nullable(none: None) {
	return text.transform((value, context) => {
		const word = value.toLowerCase();
		if (word === "null" || (word === "none" && none === "nothing")) return "";
		if (word !== "none") return value;
		if (none === "itself") return "none";
		context.addIssue({ code: "custom", message: 'expected a value, or an empty text for the default, got "none"' });
		return z.NEVER;
	});
}

/**
 * Messages end in logs: what may be a user and a password goes, with a scheme before it or not, to the last @. That of a
 * digest is none.
 */
export const withoutLogin = (text: string): string =>
	text
		.replace(/:\/\/(?:[^\s:]*:\S*|[^\s/?#]*)@(?!sha256:)/g, "://...@")
		.replace(/(^|[\s"'(=,])(?!file:)[^\s:/@"']+:(?!\/\/)\S*@(?!sha256:)/g, "$1...@");

/** What follows a host and its colon is a port; anything else is a password, which may have slashes. */
export const hasLogin = (text: string): boolean =>
	/:\/\/[^\s/?#]*@/.test(text) ||
	/:\/\/(?!\[)[^\s/?#:]*:(?!\d*(?:[/?#\s]|$))\S*@/.test(text) ||
	/^[^\s:/@]+:(?!\/)\S*@/.test(text);

type Test = RegExp | ((text: string) => boolean);
const passes = (test: Test, text: string): boolean => (typeof test === "function" ? test(text) : test.test(text));

export function eachOf(separator: RegExp | string, test: Test, expected: string) {
	return text.transform((value, context) => {
		const items = value
			.split(separator)
			.map((item) => item.trim())
			.filter((item) => item !== "");
		for (const item of items)
			if (!passes(test, item))
				context.addIssue({ code: "custom", message: `expected ${expected}, got "${withoutLogin(item)}"` });
		return items;
	});
}

export function matching(test: Test, expected: string, none: None) {
	return nullable(none).superRefine((value, context) => {
		if (value !== "" && value !== "none" && !passes(test, value))
			context.addIssue({ code: "custom", message: `expected ${expected}, got ${shown(value)}` });
	});
}

/** A password in an address would be in the image's record, in the log, and in arguments. @param instead where it may be */
export const loginFault = (value: string, instead: string): string | undefined =>
	hasLogin(value)
		? `expected an address without user and password (${instead}), got "${withoutLogin(value)}"`
		: undefined;
