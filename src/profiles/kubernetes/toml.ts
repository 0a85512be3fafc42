/** Configuration of containerd, looked at before anything boots: in the machine a mistake would be found much later. */
import { parse, TomlError } from "smol-toml";
import { messageOf } from "../../errors.ts";

/** What is wrong with a text in TOML, with its place; undefined: nothing. */
export function tomlFault(content: Uint8Array): string | undefined {
	let text: string;
	try {
		text = new TextDecoder("utf-8", { fatal: true }).decode(content);
	} catch {
		return "it is no UTF-8";
	}
	try {
		parse(text);
		return undefined;
	} catch (error) {
		// The message goes on with the lines around it.
		const [first = ""] = messageOf(error).split("\n");
		const why = first.replace(/^Invalid TOML document: /, "");
		return error instanceof TomlError ? `line ${error.line}, column ${error.column}: ${why}` : why;
	}
}

/** The bytes of base64 as base64(1) reads it; undefined for what is none. */
export function bytesOf(base64: string): Uint8Array | undefined {
	const bytes = Buffer.from(base64, "base64");
	return bytes.toString("base64") === base64 ? bytes : undefined;
}
