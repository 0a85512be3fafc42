import fc from "fast-check";
import { expect, test } from "vitest";
import { choosePruned, type PruneItem } from "../../../src/layers/prune.ts";

const NOW = 1_000_000;
const NONE: ReadonlySet<string> = new Set();

function item(id: string, more: Partial<PruneItem> = {}): PruneItem {
	const kind = id.startsWith("b") ? "bases" : id.startsWith("i") ? "images" : "layers";
	return { id, kind, title: id, size: 10, lastUse: 0, ...more };
}

/** base <- l1 <- l2 <- image;  l1 <- l3 <- l4 */
const STORE = [
	item("b"),
	item("l1", { parent: "b" }),
	item("l2", { parent: "l1" }),
	item("l3", { parent: "l1", lastUse: 10 }),
	item("l4", { parent: "l3", lastUse: 20 }),
	item("i", { parent: "l2" }),
];

const ids = (items: readonly PruneItem[]): string[] => items.map(({ id }) => id);

test("without options: layers that no image stands on, what stands on others first", () => {
	expect(ids(choosePruned(STORE, {}, NONE, NOW))).toEqual(["l4", "l3"]);
});

test("all: also images without a name, and bases", () => {
	expect(ids(choosePruned(STORE, { all: true }, NONE, NOW)).sort()).toEqual(["b", "i", "l1", "l2", "l3", "l4"]);
	const named = STORE.map((one) => (one.id === "i" ? { ...one, named: true } : one));
	expect(ids(choosePruned(named, { all: true }, NONE, NOW))).toEqual(["l4", "l3"]);
});

test("what is in use stays, with all it stands on", () => {
	expect(ids(choosePruned(STORE, { all: true }, new Set(["layers/none", "l3"]), NOW))).toEqual(["i", "l2", "l4"]);
});

test("olderThan: a layer is as young as the youngest that stands on it", () => {
	expect(ids(choosePruned(STORE, { olderThan: NOW - 15 }, NONE, NOW))).toEqual([]);
	expect(ids(choosePruned(STORE, { olderThan: NOW - 25 }, NONE, NOW))).toEqual(["l4", "l3"]);
});

test("keepBytes: least recently used first, and no more than needed", () => {
	const store = [...STORE, item("l5", { parent: "l1", lastUse: 5 })];
	expect(ids(choosePruned(store, { keepBytes: 70 }, NONE, NOW))).toEqual([]);
	expect(ids(choosePruned(store, { keepBytes: 60 }, NONE, NOW))).toEqual(["l5"]);
	expect(ids(choosePruned(store, { keepBytes: 55 }, NONE, NOW))).toEqual(["l5", "l4"]);
	expect(ids(choosePruned(store, { keepBytes: 0 }, NONE, NOW))).toEqual(["l5", "l4", "l3"]);
});

test("whatever the policy: nothing goes before what stands on it, nothing in use goes", () => {
	const stores = fc
		.array(fc.record({ parent: fc.nat(), lastUse: fc.nat(50), size: fc.nat(9), used: fc.boolean(), kind: fc.nat(5) }))
		.map((rows) =>
			rows.map((row, index) => ({
				used: row.used && row.kind === 5,
				...item(index === 0 ? "b" : row.kind === 0 ? `i${index}` : `l${index}`, {
					lastUse: row.lastUse,
					size: row.size,
					...(index === 0 ? {} : { parent: "" }),
				}),
				above: row.parent % Math.max(index, 1),
			})),
		)
		.map((rows) => rows.map((row, index) => (index === 0 ? row : { ...row, parent: rows[row.above]?.id ?? "b" })));
	const policies = fc.record(
		{ all: fc.boolean(), olderThan: fc.nat(60), keepBytes: fc.nat(60) },
		{ requiredKeys: [] },
	) as fc.Arbitrary<{ all?: boolean; olderThan?: number; keepBytes?: number }>;
	fc.assert(
		fc.property(stores, policies, (store, policy) => {
			const inUse = new Set(store.filter(({ used }) => used).map(({ id }) => id));
			const chosen = ids(choosePruned(store, policy, inUse, 60));
			for (const { id, parent } of store) {
				if (parent === undefined || !chosen.includes(parent)) continue;
				expect(chosen).toContain(id);
				expect(chosen.indexOf(id)).toBeLessThan(chosen.indexOf(parent));
			}
			for (const id of inUse) expect(chosen).not.toContain(id);
		}),
	);
});
