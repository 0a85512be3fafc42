/** "did you mean": names that are close to one that does not exist. */
import type { FileTree } from "./tree.ts";

/** At most three of the candidates, nearest first; those that differ in more than a third of the name are left out. */
export function nearest(name: string, candidates: readonly string[]): readonly string[] {
	const limit = Math.max(1, Math.floor(name.length / 3));
	return candidates
		.map((candidate) => ({ candidate, distance: distance(name.toLowerCase(), candidate.toLowerCase()) }))
		.filter((each) => each.distance <= limit)
		.sort((a, b) => a.distance - b.distance)
		.slice(0, 3)
		.map((each) => each.candidate);
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
	let row = Array.from({ length: b.length + 1 }, (_, i) => i);
	for (let i = 1; i <= a.length; i++) {
		const next = [i];
		for (let j = 1; j <= b.length; j++) {
			const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
			next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
		}
		row = next;
	}
	return row[b.length] ?? 0;
}

/** What a tree has where it lacks a path, for people. */
export async function nearestHint(tree: FileTree, path: string): Promise<string> {
	const slash = path.lastIndexOf("/");
	const parent = slash < 0 ? "" : path.slice(0, slash);
	const directory = await tree.find(parent);
	if (directory === undefined || directory.type !== "directory") return `there is no directory /${parent} either`;
	const names = (await tree.list(directory)).map((node) => node.name);
	const close = nearest(path.slice(slash + 1), names);
	const prefix = parent === "" ? "" : `${parent}/`;
	if (close.length > 0) return `did you mean ${close.map((name) => `${prefix}${name}`).join(", ")}?`;
	const shown = names.slice(0, 8).join(", ") + (names.length > 8 ? ", ..." : "");
	return names.length === 0 ? `/${parent} is empty` : `/${parent} has: ${shown}`;
}
