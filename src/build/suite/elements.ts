/** Lists against lists of tests, order aside: each element counts for one test. */
import type { Test, Value } from "./value.ts";

export function containsAll(list: readonly Value[], tests: readonly Test[]): boolean {
	const takenBy = new Map<number, number>();
	return tests.every((_, test) => assign(test, list, tests, takenBy, new Set()));
}

export function containsExactly(list: readonly Value[], tests: readonly Test[]): boolean {
	return list.length === tests.length && containsAll(list, tests);
}

/** Kuhn's algorithm: find the test an element, moving another test to another element where that helps. */
function assign(
	test: number,
	list: readonly Value[],
	tests: readonly Test[],
	takenBy: Map<number, number>,
	tried: Set<number>,
): boolean {
	for (const [index, element] of list.entries()) {
		if (tried.has(index) || tests[test]?.(element) !== true) continue;
		tried.add(index);
		const other = takenBy.get(index);
		if (other !== undefined && !assign(other, list, tests, takenBy, tried)) continue;
		takenBy.set(index, test);
		return true;
	}
	return false;
}
