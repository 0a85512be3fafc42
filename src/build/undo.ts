/** What has to be undone, last thing first, whether the work between succeeds or not. */

export class Undo {
	readonly #steps: (() => Promise<void>)[] = [];

	add(step: () => Promise<void>): void {
		this.#steps.push(step);
	}

	/** Do the work, then undo all of it. @throws what the work throws, or else what the first failing step throws. */
	async after<T>(work: () => Promise<T>): Promise<T> {
		let result: T;
		try {
			result = await work();
		} catch (error) {
			await this.#run();
			throw error;
		}
		const [failure] = await this.#run();
		if (failure !== undefined) throw failure.cause;
		return result;
	}

	/** All of them, even if one fails. */
	async #run(): Promise<readonly { readonly cause: unknown }[]> {
		const failures: { cause: unknown }[] = [];
		for (const step of this.#steps.splice(0).reverse()) await step().catch((cause) => failures.push({ cause }));
		return failures;
	}
}
