/**
 * "Did you mean", by the rule of moby/buildkit util/suggest: the nearest candidate fewer than three edits away. Of
 * several that are as near, BuildKit takes whichever comes first; here, one that differs by letters in the wrong order.
 */

const MAX_EDITS = 2;

/**
 * The candidate that was probably meant by `word`, in `word`'s own case when that is plain upper or lower case.
 * Undefined when none is near, or when one is equal (then the word is not what is wrong).
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
	const wanted = word.toLowerCase();
	let best: string | undefined;
	let bestEdits: Edits = { plain: MAX_EDITS + 1, swapped: MAX_EDITS + 1 };
	for (const candidate of candidates) {
		const edits = editsBetween(wanted, candidate.toLowerCase());
		if (edits.plain === 0) return undefined;
		const nearer = edits.plain < bestEdits.plain;
		if (nearer || (edits.plain === bestEdits.plain && edits.plain <= MAX_EDITS && edits.swapped < bestEdits.swapped)) {
			best = candidate;
			bestEdits = edits;
		}
	}
	return best === undefined ? undefined : inCaseOf(best, word);
}

function inCaseOf(text: string, model: string): string {
	if (model === model.toLowerCase()) return text.toLowerCase();
	if (model === model.toUpperCase()) return text.toUpperCase();
	return text;
}

interface Edits {
	/** Levenshtein distance. */
	readonly plain: number;
	/** The same with two neighbours in the wrong order counted as one edit. */
	readonly swapped: number;
}

function editsBetween(a: string, b: string): Edits {
	return { plain: distance(a, b, false), swapped: distance(a, b, true) };
}

/** Anything above MAX_EDITS may be returned as MAX_EDITS + 1. */
function distance(a: string, b: string, swaps: boolean): number {
	if (Math.abs(a.length - b.length) > MAX_EDITS) return MAX_EDITS + 1;
	let before: readonly number[] = [];
	let previous: readonly number[] = Array.from({ length: b.length + 1 }, (_, column) => column);
	for (let row = 1; row <= a.length; row++) {
		const current = [row];
		for (let column = 1; column <= b.length; column++) {
			const same = a[row - 1] === b[column - 1];
			const crossed = swaps && row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
			current.push(
				Math.min(
					(previous[column - 1] ?? 0) + (same ? 0 : 1),
					(previous[column] ?? 0) + 1,
					(current[column - 1] ?? 0) + 1,
					crossed ? (before[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
				),
			);
		}
		before = previous;
		previous = current;
	}
	return previous[b.length] ?? 0;
}
