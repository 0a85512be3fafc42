/** Raw output of a guest's command, made into clean lines. */

/** A line longer than this is broken, so that a program without line breaks cannot fill our memory. */
const LONGEST_LINE = 16 * 1024;

// CSI, OSC (ended by BEL or ST), other string sequences, charset and two-character escapes: ECMA-48.
const ESCAPES =
	// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
	/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[PX^_][^\u001b]*\u001b\\|[ -/]+[0-~]|[0-~])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** The line without escape sequences and control characters; what a backspace erases is gone. */
export function cleanLine(line: string): string {
	let text = line.replace(ESCAPES, "");
	// A progress bar rewrites its line with \r: what counts is what was written last.
	const parts = text.split("\r").filter((part) => part.trim() !== "");
	text = parts.at(-1) ?? "";
	if (text.includes("\b")) text = applyBackspaces(text);
	return text.replace(CONTROLS, "").trimEnd();
}

function applyBackspaces(text: string): string {
	const kept: string[] = [];
	for (const character of text) {
		if (character === "\b") kept.pop();
		else kept.push(character);
	}
	return kept.join("");
}

/** Bytes in, complete lines out; one per stream of one command. */
export class LineAssembler {
	readonly #decoder = new TextDecoder("utf-8");
	#rest = "";

	push(data: Uint8Array): string[] {
		return this.#split(this.#decoder.decode(data, { stream: true }));
	}

	/** The unfinished last line, when the command has ended. */
	flush(): string[] {
		const lines = this.#split(this.#decoder.decode());
		if (this.#rest !== "") lines.push(cleanLine(this.#rest));
		this.#rest = "";
		return lines;
	}

	/** What the unfinished line says now: a progress bar, a prompt. */
	get partial(): string {
		return cleanLine(this.#rest);
	}

	#split(text: string): string[] {
		const parts = (this.#rest + text).split("\n");
		this.#rest = parts.pop() ?? "";
		const lines = parts.map(cleanLine);
		if (this.#rest.length > LONGEST_LINE) this.#shorten(lines);
		return lines;
	}

	#shorten(lines: string[]): void {
		const overwritten = this.#rest.lastIndexOf("\r", this.#rest.length - 2);
		if (overwritten > 0) this.#rest = this.#rest.slice(overwritten + 1);
		if (this.#rest.length <= LONGEST_LINE) return;
		lines.push(cleanLine(this.#rest));
		this.#rest = "";
	}
}
