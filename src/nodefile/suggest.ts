/** "Did you mean", by the rule of moby/buildkit util/suggest: the nearest candidate fewer than three edits away. */

const MAX_EDITS = 2;

/**
 * The candidate that was probably meant by `word`, in `word`'s own case when that is plain upper or lower case.
 * Undefined when none is near, or when one is equal (then the word is not what is wrong).
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
	const wanted = word.toLowerCase();
	let best: string | undefined;
	let bestEdits = MAX_EDITS + 1;
	for (const candidate of candidates) {
		const edits = editDistance(wanted, candidate.toLowerCase());
		if (edits === 0) return undefined;
		if (edits < bestEdits) {
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

/** Levenshtein distance; anything above MAX_EDITS may be returned as MAX_EDITS + 1. */
function editDistance(a: string, b: string): number {
	if (Math.abs(a.length - b.length) > MAX_EDITS) return MAX_EDITS + 1;
	let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
	for (let row = 1; row <= a.length; row++) {
		const current = [row];
		for (let column = 1; column <= b.length; column++) {
			const same = a[row - 1] === b[column - 1];
			current.push(
				Math.min(
					(previous[column - 1] ?? 0) + (same ? 0 : 1),
					(previous[column] ?? 0) + 1,
					(current[column - 1] ?? 0) + 1,
				),
			);
		}
		previous = current;
	}
	return previous[b.length] ?? 0;
}
