import { dirname, join, normalize, resolve } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "../../../src/digest.ts";
import {
	backingName,
	backingNameOfDisk,
	decodeName,
	digestOfName,
	encodeName,
	storePaths,
} from "../../../src/layers/paths.ts";

const paths = storePaths("/store");
const digest = sha256("x");
const hex = digest.slice(7);

test("the layout", () => {
	expect(paths.disk("layers", digest)).toBe(`/store/layers/${hex}/disk.qcow2`);
	expect(paths.record("bases", digest)).toBe(`/store/bases/${hex}/base.json`);
	expect(paths.record("images", digest)).toBe(`/store/images/${hex}/image.json`);
	expect(paths.tag("team/web", "1.0")).toBe("/store/tags/team%2Fweb/1.0.json");
	expect(digestOfName(hex)).toBe(digest);
	expect(digestOfName(`${hex}.tmp`)).toBeUndefined();
});

test("a backing name is right from a work folder and from where the overlay is renamed to", () => {
	for (const kind of ["bases", "layers", "images"] as const) {
		const name = backingName(kind, digest);
		for (const file of [join(paths.tmp, "work", "disk.qcow2"), paths.disk("layers", sha256("y"))]) {
			expect(resolve(dirname(file), name)).toBe(paths.disk(kind, digest));
		}
		expect(backingNameOfDisk(paths.disk(kind, digest))).toBe(name);
	}
});

test("any name is one reversible path component", () => {
	fc.assert(
		fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (name) => {
			const encoded = encodeName(name);
			expect(decodeName(encoded)).toBe(name);
			expect(dirname(normalize(`/x/${encoded}`))).toBe("/x");
			expect(encoded).not.toMatch(/[~@/]|^\./);
		}),
	);
});
