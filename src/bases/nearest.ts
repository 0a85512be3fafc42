/** The known names that a mistyped one may have meant. */

/** Edits that turn one text into the other: insertions, deletions, replacements. */
function distance(from: string, to: string): number {
	let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
	for (let row = 1; row <= from.length; row++) {
		const current = [row];
		for (let column = 1; column <= to.length; column++) {
			const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
			current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
		}
		previous = current;
	}
	return previous[to.length] ?? 0;
}

/**
 * Up to `limit` names near `name:tag`, nearest first. The name counts more than the tag: for a known
 * distribution in a version we lack, its other versions are what helps.
 */
export function nearest(wanted: string, names: readonly string[], limit = 4): readonly string[] {
	const [wantedName = "", wantedTag = ""] = wanted.split(":");
	const near = names.flatMap((name) => {
		const [own = "", tag = ""] = name.split(":");
		const ofName = distance(wantedName, own);
		if (ofName > Math.max(own.length > 3 ? 2 : 1, Math.floor(own.length / 3))) return [];
		return [{ name, score: ofName * 10 + distance(wantedTag, tag) }];
	});
	return near
		.sort((a, b) => a.score - b.score)
		.slice(0, limit)
		.map(({ name }) => name);
}
