/** moby/patternmatcher's own table of patterns, paths and answers. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PatternList } from "../../src/context/patterns.ts";

interface Vector {
	readonly patterns: readonly string[];
	readonly text: string;
	readonly match: boolean;
}

const folder = process.env.NODEBUILD_CONFORMANCE || join(import.meta.dirname, "../../../shared/conformance");
const file = join(folder, "vectors", "patternmatcher.json");
if (!existsSync(file)) {
	throw new Error(
		`expected the conformance data in $NODEBUILD_CONFORMANCE, or in ../shared/conformance beside the repository, got no ${file}`,
	);
}
const vectors: readonly Vector[] = JSON.parse(readFileSync(file, "utf8"));

describe("ignore patterns", () => {
	it("has vectors", () => {
		expect(vectors.length).toBeGreaterThan(0);
	});

	it.each(vectors.map((vector) => [vector.patterns.join(" "), vector.text, vector] as const))(
		"%s on %s",
		(_patterns, text, vector) => {
			expect(new PatternList(vector.patterns).match(text).matched).toBe(vector.match);
		},
	);
});
