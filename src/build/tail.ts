/** The last of what a step said, to be shown again with its error. */

const BYTES = 4096;
const LINES = 20;

export class Tail {
	text = "";

	note(data: Uint8Array): void {
		this.text = (this.text + Buffer.from(data).toString("utf8")).slice(-BYTES);
	}

	get lines(): readonly string[] {
		return this.text === "" ? [] : this.text.trimEnd().split("\n").slice(-LINES);
	}
}
