/** Layers go into the store behind the running machine: the next step does not wait for the disk. */
import type { Digest } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import type { NewLayer } from "../layers/layer-store.ts";
import type { Store } from "../layers/store.ts";

export class CommitQueue {
	readonly #store: Store;
	#tail: Promise<void> = Promise.resolve();
	#failure: unknown;

	constructor(store: Store) {
		this.#store = store;
	}

	/** Parents before children; a failure is thrown by `settled`. `stored` is called when the layer is in the store. */
	add(record: NewLayer, file: string, stored?: () => Promise<void>): void {
		this.#tail = this.#tail.then(async () => {
			if (this.#failure !== undefined) return;
			try {
				const layer = await this.#store.layers.commit(record, file);
				if (!layer.stored) this.#failure = overtaken(record.key);
				else await stored?.();
			} catch (error) {
				this.#failure = error;
			}
		});
	}

	/** Done once all that was added so far is stored, or has failed. */
	afterwards(work: () => Promise<void>): void {
		this.#tail = this.#tail.then(work).catch((error: unknown) => {
			this.#failure ??= error;
		});
	}

	/** @throws what the first failed commit threw. */
	async settled(): Promise<void> {
		await this.#tail;
		if (this.#failure !== undefined) throw this.#failure;
	}
}

function overtaken(key: Digest): NodebuildError {
	return new NodebuildError({
		code: "STORE_INVALID",
		message: `another build stored the layer ${key} at the same time`,
		hint: "run the build again: it goes on from that layer",
	});
}
