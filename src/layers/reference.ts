/** Names of images, as docker writes them: name[:tag], the default tag is "latest". */
import { NodebuildError } from "../errors.ts";
import { parseImageName } from "../nodefile/image-name.ts";

export interface Reference {
	readonly name: string;
	readonly tag: string;
}

/** Characters: a name is a file's name in the store, where some of them take three. */
const LONGEST = 200;

/** Undefined when `text` is no name of an image. */
export function parseReference(text: string): Reference | undefined {
	const image = parseImageName(text);
	if (image === undefined || image.digest !== undefined || image.name.length > LONGEST) return undefined;
	return { name: image.name, tag: image.tag ?? "latest" };
}

/** @throws NodebuildError USAGE */
export function requireReference(text: string): Reference {
	const reference = parseReference(text);
	if (reference !== undefined) return reference;
	throw new NodebuildError({
		code: "USAGE",
		message: `expected an image's name as name[:tag], got "${text}"`,
		hint: 'a name has lower-case letters, digits, and single ".", "_", "-" or "/" between them: web:1.2',
	});
}

export function formatReference({ name, tag }: Reference): string {
	return `${name}:${tag}`;
}

/** Edit distance of two words, two letters in the wrong order counted as one mistake. */
function distance(a: string, b: string): number {
	let before: readonly number[] = [];
	let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index);
	for (let i = 0; i < a.length; i++) {
		const next = [i + 1];
		for (let j = 0; j < b.length; j++) {
			const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
			const swapped = i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j] ? (before[j - 1] ?? 0) + 1 : replaced;
			next.push(Math.min(replaced, swapped, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
		}
		before = row;
		row = next;
	}
	return row[b.length] ?? 0;
}

/** Those of `known` that a person may have meant, nearest first, at most three. */
export function nearest(wanted: string, known: readonly string[]): readonly string[] {
	const limit = Math.max(2, Math.floor(wanted.length / 3));
	return known
		.map((name) => ({ name, far: name.startsWith(wanted) ? 0 : distance(wanted, name) }))
		.filter(({ far }) => far <= limit)
		.sort((a, b) => a.far - b.far)
		.slice(0, 3)
		.map(({ name }) => name);
}

/** "did you mean a, or b?"; undefined when nothing is near. */
export function didYouMean(wanted: string, known: readonly string[]): string | undefined {
	const names = nearest(wanted, known);
	return names.length === 0 ? undefined : `did you mean ${names.join(", or ")}?`;
}
