/** What prune removes: a pure choice among what lies in the store. */

export interface PrunePolicy {
	/** Also images without a name, bases that nothing left stands on, and caches. */
	readonly all?: boolean;
	/** Nothing but the caches of RUN --mount=type=cache. */
	readonly only?: "caches";
	/** Only what was last used longer ago; milliseconds. */
	readonly olderThan?: number;
	/** Stop as soon as the store takes no more than this; least recently used goes first. Bytes. */
	readonly keepBytes?: number;
	/** Choose and report, remove nothing. */
	readonly dryRun?: boolean;
}

export interface PruneItem {
	/** `<kind>/<hex>`. */
	readonly id: string;
	readonly kind: "bases" | "layers" | "images" | "caches";
	/** For people: a step's title, a base's name, an image's names, a cache's id. */
	readonly title: string;
	/** Bytes on disk. */
	readonly size: number;
	/** Milliseconds since the epoch. */
	readonly lastUse: number;
	/** Id of what it stands on. */
	readonly parent?: string;
	/** An image that a name means. */
	readonly named?: boolean;
}

/** An item with all that it stands on, itself first. */
function* downFrom(item: PruneItem | undefined, byId: ReadonlyMap<string, PruneItem>): Iterable<PruneItem> {
	for (let one = item; one !== undefined; one = one.parent === undefined ? undefined : byId.get(one.parent)) yield one;
}

function isRoot(item: PruneItem, policy: PrunePolicy): boolean {
	if (policy.only !== undefined) return item.kind !== policy.only;
	switch (item.kind) {
		case "images":
			return policy.all !== true || item.named === true;
		case "bases":
		case "caches":
			return policy.all !== true;
		case "layers":
			return false;
	}
}

/**
 * What to remove, in an order in which nothing is removed before what stands on it. Kept are: what images
 * stand on, what `inUse` names, and all that those stand on.
 */
export function choosePruned(
	items: readonly PruneItem[],
	policy: PrunePolicy,
	inUse: ReadonlySet<string>,
	now: number,
): readonly PruneItem[] {
	const byId = new Map(items.map((item) => [item.id, item]));
	// A layer is used whenever something that stands on it is.
	const lastUse = new Map<string, number>();
	const depth = new Map<string, number>();
	for (const item of items) {
		const chain = [...downFrom(item, byId)];
		depth.set(item.id, chain.length);
		for (const { id } of chain) lastUse.set(id, Math.max(lastUse.get(id) ?? 0, item.lastUse));
	}
	const used = (item: PruneItem): number => lastUse.get(item.id) ?? 0;
	const kept = new Set<string>();
	for (const item of items) {
		const young = policy.olderThan !== undefined && used(item) > now - policy.olderThan;
		if (!young && !inUse.has(item.id) && !isRoot(item, policy)) continue;
		for (const { id } of downFrom(item, byId)) kept.add(id);
	}
	const order = items
		.filter(({ id }) => !kept.has(id))
		.sort((a, b) => used(a) - used(b) || (depth.get(b.id) ?? 0) - (depth.get(a.id) ?? 0));
	if (policy.keepBytes === undefined) return order;
	let total = items.reduce((sum, { size }) => sum + size, 0);
	const chosen: PruneItem[] = [];
	for (const item of order) {
		if (total <= policy.keepBytes) break;
		chosen.push(item);
		total -= item.size;
	}
	return chosen;
}
