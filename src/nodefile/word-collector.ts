import { isSpace } from "./space.ts";

/** Splits what it is given at white space, except where it is told that a text is whole. */
export class WordCollector {
	#words: string[] = [];
	#word = "";

	add(text: string): void {
		for (const char of text) {
			if (!isSpace(char)) this.#word += char;
			else if (this.#word !== "") this.finish();
		}
	}

	addWhole(text: string): void {
		this.#word += text;
	}

	finish(): string[] {
		if (this.#word !== "") this.#words.push(this.#word);
		this.#word = "";
		return this.#words;
	}
}
