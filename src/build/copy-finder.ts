/** The files that COPY and ADD name, found and digested when the plan asks for them. */
import { join } from "node:path";
import { type Context, ignoreFileCandidates, mergeCopies, openContext, type ResolvedCopy } from "../context/index.ts";
import { inlineCopy } from "../context/inline.ts";
import { hexOf, sha256 } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import type { CopyRequest } from "../plan/types.ts";
import type { BuildOptions } from "./types.ts";

/** Finds the files of each COPY once, opening the context when the first one asks. */
export class CopyFinder {
	readonly #options: BuildOptions;
	readonly #home: string;
	readonly #found = new Map<string, Promise<ResolvedCopy>>();
	readonly #contexts = new Map<string, Promise<Context>>();

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
		for (const context of this.#contexts.values()) await (await context).save();
	}

	async #resolve(request: CopyRequest): Promise<ResolvedCopy> {
		const { exclude, parents, unpack } = request;
		const copies: ResolvedCopy[] = [];
		for (const origin of request.origins) {
			if (origin.kind === "inline") copies.push(inlineCopy(origin, 0));
			else if (origin.kind === "context" || origin.kind === "named-context") {
				const context = await this.#open(origin.kind === "context" ? undefined : origin.name);
				const copy = await context.resolve({ paths: origin.paths, exclude, parents, unpack });
				const what = origin.kind === "context" ? "the context" : `the context "${origin.name}"`;
				for (const pattern of copy.unmatched)
					this.#options.emit({ type: "warning", message: `nothing in ${what} matches ${pattern}` });
				copies.push(copy);
			}
			// Disks are copied from in the machine; others are refused by requireSupported() once the plan is whole.
		}
		return mergeCopies(copies);
	}

	/** The build's own context, or a further one by its name. */
	#open(name?: string): Promise<Context> {
		const root = name === undefined ? this.#options.context : this.#folder(name);
		const { nodefile } = this.#options;
		const known = this.#contexts.get(root);
		const context =
			known ??
			openContext({
				root,
				ignoreFiles: name === undefined ? ignoreFileCandidates(nodefile, root) : [join(root, ".dockerignore")],
				cacheFile: join(this.#home, "contexts", `${hexOf(sha256(root)).slice(0, 32)}.json`),
			});
		this.#contexts.set(root, context);
		return context;
	}

	#folder(name: string): string {
		const context = this.#options.namedContexts?.get(name);
		if (context?.kind === "folder") return context.path;
		throw new NodebuildError({ code: "INTERNAL", message: `the context "${name}" is not known` });
	}
}
