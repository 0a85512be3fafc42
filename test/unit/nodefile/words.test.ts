// biome-ignore-all lint/suspicious/noTemplateCurlyInString: words with ${} are what is tested here
/** BuildKit's own tables are in test/conformance; here is what they leave open. */
import { describe, expect, test } from "vitest";
import { NodebuildError } from "../../../src/errors.ts";
import { processWord, processWords, type WordOptions } from "../../../src/nodefile/words.ts";

const ENV: Readonly<Record<string, string>> = { A: "a b", EMPTY: "", PATH: "/bin:/usr/bin", LINES: "x\ny" };
const env = (name: string) => ENV[name];
const BACKSLASH: WordOptions = { escape: "\\" };
const BACKTICK: WordOptions = { escape: "`" };

function refusal(word: string, options = BACKSLASH): NodebuildError {
	try {
		processWord(word, env, options);
	} catch (error) {
		if (error instanceof NodebuildError) return error;
		throw error;
	}
	throw new Error(`${word} was accepted`);
}

test("names that are not set are told once each, in order", () => {
	expect(processWord("$X $A ${Y:-d} $X", env, BACKSLASH)).toEqual({ value: " a b d ", unmatched: ["X", "Y"] });
});

test("with ` as escape the backslash is plain and `$ is a dollar sign", () => {
	expect(processWord('c:\\x `$A "`""', env, BACKTICK).value).toBe('c:\\x $A "');
});

test("the options that heredocs need", () => {
	expect(processWord(`'$A' "$A"`, env, { ...BACKSLASH, skipQuotes: true }).value).toBe(`'a b' "a b"`);
	expect(processWord("$X-${X}-${X:-d}", env, { ...BACKSLASH, keepUnset: true }).value).toBe("$X-${X}-${X:-d}");
	expect(processWord(`'q'"r"`, env, { ...BACKSLASH, rawQuotes: true }).value).toBe(`'q'"r"`);
	expect(processWord("\\$A", env, { ...BACKSLASH, rawEscapes: true }).value).toBe("\\$A");
});

test("words split at blanks of variables, not at quoted or escaped ones", () => {
	expect(processWords("$A \"$A\" c\\ d ''", env, BACKSLASH)).toEqual(["a", "b", "a b", "c d"]);
	expect(processWords("cat << EOF", env, BACKSLASH)).toEqual(["cat", "<< EOF"]);
});

describe("patterns", () => {
	test.each([
		["${PATH#*:}", "/usr/bin"],
		["${PATH##*/}", "bin"],
		["${PATH%:*}", "/bin"],
		["${PATH%%/*}", ""],
		["${PATH/bin/sbin}", "/sbin:/usr/bin"],
		["${PATH//bin/sbin}", "/sbin:/usr/sbin"],
		["${PATH//?/x}", "xxxxxxxxxxxxx"],
		["${PATH///-}", "-/-b-i-n-:-/-u-s-r-/-b-i-n-"],
		["${LINES#*}", "x\ny"],
		["${LINES##*}", "\ny"],
		["${LINES//*/z}", "z\nz"],
		["${X//a/b}", ""],
	])("%s is %j", (word, value) => {
		expect(processWord(word, env, BACKSLASH).value).toBe(value);
	});

	test("no pattern takes more than length times length", () => {
		const values = { V: "a".repeat(20_000) };
		const lookup = (name: string) => (name === "V" ? values.V : undefined);
		expect(processWord(`\${V##${"*a".repeat(30)}b}`, lookup, BACKSLASH).value).toBe(values.V);
	});
});

describe("what is refused", () => {
	test.each([
		["'a", /single-quote/],
		['"a', /double-quote/],
		["${A", /unsupported modifier/],
		["${", /missing '}'/],
		["${}", /bad substitution/],
		["${A:=b}", /unsupported modifier \(:=\)/],
		["${A:#b}", /unsupported modifier \(:#\)/],
		["${A/b", /missing '\/'/],
		["${A#\\x}", /invalid escape/],
		["${X:?say it}", /X: say it/],
		["${EMPTY:?}", /EMPTY: is not allowed to be empty/],
		["${X?}", /X: is not allowed to be unset/],
	])("%s", (word, message) => {
		const error = refusal(word);
		expect(error.code).toBe("NODEFILE_INVALID");
		expect(error.message).toMatch(message);
		expect(error.message).toContain(JSON.stringify(word));
		expect(error.at).toBeUndefined();
	});

	test("nesting without end", () => {
		expect(refusal("${A:-".repeat(50_000)).code).toBe("NODEFILE_INVALID");
		expect(refusal(`${"${X:-".repeat(300)}${"}".repeat(300)}`).message).toMatch(/nested more than 200 deep/);
	});
});
