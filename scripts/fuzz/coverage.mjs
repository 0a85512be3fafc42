/** Which blocks of a script ran, from V8's own counters: no instrumented code, no package. */
import { Session } from "node:inspector/promises";

export class Coverage {
	#session = new Session();
	/** @type {Set<string>} */
	#seen = new Set();
	#url;

	/** @param {string} url of the script */
	constructor(url) {
		this.#url = url;
	}

	async start() {
		this.#session.connect();
		await this.#session.post("Profiler.enable");
		await this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
	}

	/** Blocks that ran since the last time and are not remembered; counts are told apart by their order of magnitude. */
	async fresh() {
		const { result } = await this.#session.post("Profiler.takePreciseCoverage");
		const script = result.find(({ url }) => url === this.#url);
		const blocks = (script?.functions ?? []).flatMap(({ ranges }) =>
			ranges
				.filter(({ count }) => count > 0)
				.map(({ startOffset, endOffset, count }) => {
					return `${startOffset}-${endOffset}-${Math.min(8, Math.ceil(Math.log2(count)))}`;
				}),
		);
		return blocks.filter((block) => !this.#seen.has(block));
	}

	/** Whether what ran since the last time is new; it is remembered. */
	async isNew() {
		const fresh = await this.fresh();
		for (const block of fresh) this.#seen.add(block);
		return fresh.length > 0;
	}

	get blocks() {
		return this.#seen.size;
	}
}
