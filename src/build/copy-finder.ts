/** The files that COPY and ADD name, found and digested when the plan asks for them. */
import { join } from "node:path";
import { type Context, ignoreFileCandidates, mergeCopies, openContext, type ResolvedCopy } from "../context/index.ts";
import { inlineCopy } from "../context/inline.ts";
import { hexOf, sha256 } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import type { Store } from "../layers/store.ts";
import type { CopyOrigin, CopyRequest } from "../plan/types.ts";
import { readEnvironment } from "../system/env.ts";
import { task } from "./task.ts";
import type { BuildOptions } from "./types.ts";

type RemoteOrigin = Extract<CopyOrigin, { kind: "url" | "git" }>;

/** Finds the files of each COPY once, opening the context when the first one asks. */
export class CopyFinder {
	readonly #options: BuildOptions;
	readonly #store: Store;
	readonly #found = new Map<string, Promise<ResolvedCopy>>();
	readonly #contexts = new Map<string, Promise<Context>>();

	constructor(options: BuildOptions, store: Store) {
		this.#options = options;
		this.#store = store;
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
			} else if (origin.kind === "url" || origin.kind === "git") copies.push(await this.#fetch(origin, exclude));
			// Disks are copied from in the machine.
		}
		return mergeCopies(copies);
	}

	/** On the host, with its proxies. */
	async #fetch(origin: RemoteOrigin, exclude: readonly string[]): Promise<ResolvedCopy> {
		const { emit, offline, signal } = this.#options;
		const { copyOfGit, copyOfUrl, redacted } = await import("../remote/index.ts");
		const address = redacted(origin.kind === "url" ? origin.url : origin.remote);
		return await task(emit, `fetch ${address}`, async ({ progress }) => {
			const { proxy } = readEnvironment();
			const options = { store: this.#store, proxy, offline, signal, onProgress: progress };
			return origin.kind === "url" ? copyOfUrl(origin, options) : copyOfGit(origin, exclude, options);
		});
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
				cacheFile: join(this.#store.home, "contexts", `${hexOf(sha256(root)).slice(0, 32)}.json`),
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
