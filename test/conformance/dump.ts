/** Our nodes in the notation of BuildKit's Node.Dump. */
import type { InstructionNode } from "../../src/nodefile/types.ts";

export function dump(node: InstructionNode): string {
	const flags = node.flags.length === 0 ? "" : ` [${node.flags.map(goQuote).join(" ")}]`;
	const trigger = node.trigger === undefined ? "" : ` (${dump(node.trigger)})`;
	const args = node.args.map((arg) => ` ${goQuote(arg)}`).join("");
	return `${node.keyword.toLowerCase()}${flags}${trigger}${args}`;
}

const SHORT: Readonly<Record<string, string>> = {
	"\x07": "\\a",
	"\b": "\\b",
	"\f": "\\f",
	"\n": "\\n",
	"\r": "\\r",
	"\t": "\\t",
	"\v": "\\v",
	'"': '\\"',
	"\\": "\\\\",
};

/** Go's strconv.Quote. */
function goQuote(text: string): string {
	return `"${Array.from(text, quoteChar).join("")}"`;
}

function quoteChar(char: string): string {
	const short = SHORT[char];
	if (short !== undefined) return short;
	if (/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char)) return char;
	const code = char.codePointAt(0) ?? 0;
	if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
	return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}
