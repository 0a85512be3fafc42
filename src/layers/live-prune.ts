/** What a prune does to live states: they are what a store can do without first. */
import { hexOf } from "../digest.ts";
import type { KeptState } from "./live-policy.ts";
import type { LiveStore } from "./live-store.ts";
import type { PruneItem, PrunePolicy } from "./prune.ts";

interface Chosen {
	readonly kind: "live" | "memory";
	/** Path in the store. */
	readonly id: string;
	readonly title: string;
	/** Bytes on disk. */
	readonly size: number;
}

function idOf({ layer, fits }: KeptState): string {
	return `layers/${hexOf(layer)}/live/${hexOf(fits)}`;
}

function layerOf(id: string): string {
	return id.split("/").slice(0, 2).join("/");
}

/**
 * The states to remove, least recently used first: all of them with `all`, as many as it takes with `keepBytes`,
 * else none but those of layers that go. With the items without them, and the policy for what remains.
 */
export async function pruneLive(
	live: LiveStore,
	items: readonly PruneItem[],
	policy: PrunePolicy,
	inUse: ReadonlySet<string>,
): Promise<{ readonly states: readonly Chosen[]; readonly lighter: readonly PruneItem[]; readonly rest: PrunePolicy }> {
	const titles = new Map(items.map(({ id, title }) => [id, title]));
	const free = (await live.list())
		.filter((state) => !inUse.has(layerOf(idOf(state))))
		.sort((a, b) => a.lastUse - b.lastUse);
	const rams = new Map(live.ram.list().map(({ name, size }) => [name, size]));
	let memory = [...rams.values()].reduce((sum, size) => sum + size, 0);
	let total = items.reduce((sum, { size }) => sum + size, memory);
	const left = new Map<string, number>();
	for (const { ram } of await live.list()) left.set(ram, (left.get(ram) ?? 0) + 1);
	const states: Chosen[] = [];
	const gone = new Map<string, number>();
	for (const state of free) {
		const young = policy.olderThan !== undefined && state.lastUse > Date.now() - policy.olderThan;
		const wanted = policy.keepBytes === undefined ? policy.all === true : total > policy.keepBytes;
		if (young || !wanted || policy.only !== undefined) continue;
		const id = idOf(state);
		const of = layerOf(id);
		states.push({ kind: "live", id, title: titles.get(of) ?? "", size: state.size });
		gone.set(of, (gone.get(of) ?? 0) + state.size);
		left.set(state.ram, (left.get(state.ram) ?? 1) - 1);
		const freed = left.get(state.ram) === 0 ? (rams.get(state.ram) ?? 0) : 0;
		memory -= freed;
		total -= state.size + freed;
	}
	const lighter = items.map((item) => ({ ...item, size: item.size - (gone.get(item.id) ?? 0) }));
	const rest =
		policy.keepBytes === undefined ? policy : { ...policy, keepBytes: Math.max(0, policy.keepBytes - memory) };
	return { states, lighter, rest };
}

/** RAM files that nothing stands on once all that was chosen is gone. */
export async function unusedMemory(
	live: LiveStore,
	chosen: readonly { readonly id: string }[],
): Promise<readonly Chosen[]> {
	const gone = new Set(chosen.map(({ id }) => id));
	const staying = (await live.list()).filter((state) => !gone.has(idOf(state)) && !gone.has(layerOf(idOf(state))));
	return live.ram.unused(staying).map(({ name, size }) => ({
		kind: "memory",
		id: `ram/${name}`,
		title: "memory that live states stood on",
		size,
	}));
}
