/** A generator that gives the same numbers for the same seed (mulberry32). */
export class Random {
	#state;

	/** @param {number} seed */
	constructor(seed) {
		this.#state = seed >>> 0;
	}

	/** From 0 to 1, without 1. */
	next() {
		this.#state = (this.#state + 0x6d2b79f5) >>> 0;
		let value = this.#state;
		value = Math.imul(value ^ (value >>> 15), value | 1);
		value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
		return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
	}

	/** A whole number below `end`. @param {number} end */
	below(end) {
		return Math.floor(this.next() * end);
	}

	/** @template T @param {readonly T[]} list @returns {T} */
	of(list) {
		const found = list[this.below(list.length)];
		if (found === undefined) throw new Error("expected a list with something in it");
		return found;
	}
}
