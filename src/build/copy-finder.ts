/** The files that COPY and ADD name, found and digested when the plan asks for them. */
import { join } from "node:path";
import { type Context, ignoreFileCandidates, mergeCopies, openContext, type ResolvedCopy } from "../context/index.ts";
import { inlineCopy } from "../context/inline.ts";
import { hexOf, sha256 } from "../digest.ts";
import type { CopyRequest } from "../plan/types.ts";
import type { BuildOptions } from "./types.ts";

/** Finds the files of each COPY once, opening the context when the first one asks. */
export class CopyFinder {
	readonly #options: BuildOptions;
	readonly #home: string;
	readonly #found = new Map<string, Promise<ResolvedCopy>>();
	#context: Promise<Context> | undefined;

	constructor(options: BuildOptions, home: string) {
		this.#options = options;
		this.#home = home;
	}

	find(request: CopyRequest): Promise<ResolvedCopy> {
		const { origins, exclude, parents, unpack } = request;
		const id = JSON.stringify({ origins, exclude, parents, unpack });
		const known = this.#found.get(id);
		if (known !== undefined) return known;
		const found = this.#resolve(request);
		this.#found.set(id, found);
		return found;
	}

	async save(): Promise<void> {
		await (await this.#context)?.save();
	}

	async #resolve(request: CopyRequest): Promise<ResolvedCopy> {
		const { exclude, parents, unpack } = request;
		const copies: ResolvedCopy[] = [];
		for (const origin of request.origins) {
			if (origin.kind === "inline") copies.push(inlineCopy(origin, 0));
			else if (origin.kind === "context") {
				const context = await this.#open();
				const copy = await context.resolve({ paths: origin.paths, exclude, parents, unpack });
				for (const pattern of copy.unmatched)
					this.#options.emit({ type: "warning", message: `nothing in the context matches ${pattern}` });
				copies.push(copy);
			}
			// Other origins are refused by requireSupported() once the plan is whole.
		}
		return mergeCopies(copies);
	}

	#open(): Promise<Context> {
		const { context, nodefile } = this.#options;
		this.#context ??= openContext({
			root: context,
			ignoreFiles: ignoreFileCandidates(nodefile, context),
			cacheFile: join(this.#home, "contexts", `${hexOf(sha256(context)).slice(0, 32)}.json`),
		});
		return this.#context;
	}
}
