/** The live states of one chain while it is built: asks the policy, does what it says, and never fails a build. */
import { join } from "node:path";
import { type Digest, hexOf } from "../digest.ts";
import { messageOf } from "../errors.ts";
import {
	type ChainLink,
	decideTake,
	FLATTENING,
	type LiveCosts,
	superseded,
	whenOutgrown,
} from "../layers/live-policy.ts";
import type { Store } from "../layers/store.ts";
import type { FrozenLive, LiveFailure, LiveRequest } from "../machine/types.ts";
import type { Step } from "../plan/types.ts";
import { readEnvironment } from "../system/env.ts";
import { formatBytes, freeSpace } from "../system/files.ts";
import { branchesOf, type Chain } from "./chain.ts";
import { readCosts } from "./costs.ts";
import { flatten } from "./live.ts";
import { takesLive } from "./live-mode.ts";
import type { Running } from "./machines.ts";
import type { StageContext } from "./stage-context.ts";
import type { BuildOptions } from "./types.ts";

/** What was told already: a build says each thing once. */
const said = new Set<string>();

/** Bytes of a machine that has just booted. */
const FRESH = 300 * 2 ** 20;

export class LiveKeeper {
	readonly #store: Store;
	readonly #options: BuildOptions;
	readonly #chain: Chain;
	readonly #branches: ReadonlySet<Digest>;
	/** The layer that this build goes on from. */
	readonly #begin: Digest | undefined;
	/** The chain's layers so far. */
	readonly #links: ChainLink[] = [];
	readonly #dropped = new Set<Digest>();
	#before: { readonly bytes: number; readonly milliseconds: number } | undefined;
	#costs: LiveCosts | undefined;
	/** Even one state with its memory would be too large. */
	#overQuota = false;
	/** A RAM file that is being made beside the steps. */
	#rebasing: Promise<void> | undefined;

	constructor(
		chain: Chain,
		{ store, options, prepared }: Pick<StageContext, "store" | "options" | "prepared">,
		begin?: Digest,
	) {
		this.#chain = chain;
		this.#branches = branchesOf(prepared.plan);
		this.#begin = begin;
		this.#store = store;
		this.#options = options;
	}

	/** What to ask of the machine's freeze at a layer; undefined: its disk alone. */
	request(running: Running, key: Digest): Promise<LiveRequest | undefined> {
		return this.#ask(running, key, this.#before);
	}

	/** The same for a machine that was booted from a layer, which has no state yet. */
	requestAfterBoot(running: Running, key: Digest): Promise<LiveRequest | undefined> {
		const milliseconds = (this.#costs?.resume ?? 0) + FLATTENING;
		return this.#ask(running, key, { bytes: FRESH, milliseconds });
	}

	async #ask(
		{ machine, work, accelerator, mapped, tainted }: Running,
		key: Digest,
		before: { readonly bytes: number; readonly milliseconds: number } | undefined,
	): Promise<LiveRequest | undefined> {
		const { live: mode = "auto" } = this.#options;
		if (!takesLive(this.#options) || !mapped) return undefined;
		const ahead = this.#chain.layered.length - 1 - this.#chain.layered.findIndex((step) => step.key === key);
		// Until it is made a state would be a large one, and it is made in a second or two.
		await this.settled();
		if (this.#overQuota) return undefined;
		if (!machine.canFreezeLive) {
			this.#say("no live states are kept: the system does not let nodebuild read its machines' memory");
			return undefined;
		}
		this.#costs ??= await readCosts(this.#store, accelerator);
		const answer = decideTake({
			mode,
			tainted,
			ahead,
			branch: this.#branches.has(key),
			costs: this.#costs,
			...(before === undefined ? {} : { before }),
			free: await freeSpace(this.#store.home),
			quota: readEnvironment().liveQuota,
		});
		if (answer.take) return { folder: join(work.path, `live-${hexOf(key).slice(0, 16)}`), limit: answer.limit };
		if (answer.why === "space") this.#say("no live states are kept: the host's disk is nearly full");
		if (answer.why === "quota") this.#sayQuota();
		return undefined;
	}

	/** What became of it; the state when there is one. */
	note(live: FrozenLive | LiveFailure | undefined): FrozenLive | undefined {
		if (live === undefined) return undefined;
		if (live.ok) this.#before = { bytes: live.size, milliseconds: live.milliseconds };
		else this.#failed(live);
		return live.ok ? live : undefined;
	}

	#failed({ reason, size }: LiveFailure): void {
		if (size !== undefined) this.#before = { bytes: size, milliseconds: this.#before?.milliseconds ?? 0 };
		if (size !== undefined && size > readEnvironment().liveQuota) this.#sayQuota();
		else this.#say(`the layer is kept without a live state: ${reason}`);
	}

	#sayQuota(): void {
		const quota = formatBytes(readEnvironment().liveQuota);
		this.#say(`no live states are kept: NODEBUILD_LIVE_QUOTA allows ${quota}, which one would exceed`);
	}

	#say(message: string): void {
		const [what = ""] = message.split(":");
		if (!said.has(what)) this.#options.emit({ type: "info", message });
		said.add(what);
	}

	/** A layer of the chain is in the store: put its state there too, and drop those that are of no more use. */
	async keep(key: Digest, live: FrozenLive | undefined): Promise<void> {
		try {
			await live?.finish();
			if (live !== undefined) await this.#store.live.commit(key, live.fits, live.folder);
			await this.#dropSuperseded(key, live?.fits);
		} catch (error) {
			this.#say(`the layer is kept without a live state: ${messageOf(error)}`);
		}
	}

	/** What to do about a machine whose memory differs much from its RAM file, `ahead` steps before the last. */
	whenOutgrown({ size, own }: FrozenLive, ahead: number): "nothing" | "rebase" | "renew" {
		return this.#costs === undefined ? "nothing" : whenOutgrown(size, own, ahead, this.#costs);
	}

	/** Beside the next steps: keep a state with a RAM file of its own, on which this machine's later states stand. */
	rebase(running: Running, key: Digest, live: FrozenLive, stored: Promise<void>): void {
		const { work, machine } = running;
		const make = async (): Promise<void> => {
			await stored;
			const name = await this.#flatten(key, live, work.path);
			const held = name === undefined ? undefined : await this.#store.live.ram.hold(name);
			if (name === undefined || held === undefined) return;
			work.onRelease(held.close);
			machine.standOn({ name, file: held.path });
		};
		const rebasing = make()
			// The machine goes on as it was; whoever stores the layer tells what failed there.
			.catch(() => undefined)
			.finally(() => {
				this.#rebasing = undefined;
			});
		this.#rebasing = rebasing;
	}

	/** Nothing is made beside the steps any more. */
	async settled(): Promise<void> {
		await this.#rebasing;
	}

	/** Keep a state with a RAM file of its own, made in `work`; false: it could not be. */
	async keepFlat(key: Digest, live: FrozenLive, work: string): Promise<boolean> {
		return (await this.#flatten(key, live, work)) !== undefined;
	}

	/** The RAM file's name; undefined: there is none, or no state on it. */
	async #flatten(key: Digest, live: FrozenLive, work: string): Promise<string | undefined> {
		const { live: states } = this.#store;
		try {
			await live.finish(true);
			const { folder, ram } = await flatten(this.#store, live.folder, work, this.#options.memory);
			this.#before = undefined;
			const kept = await states.commit(key, live.fits, folder);
			states.ram.placed(ram);
			// Not only when the build ends: each of them has hundreds of MiB.
			await states.trim(readEnvironment().liveQuota).catch(() => undefined);
			this.#overQuota = kept && !states.ram.list().some(({ name }) => name === ram);
			if (this.#overQuota) this.#sayQuota();
			return kept && !this.#overQuota ? ram : undefined;
		} catch (error) {
			this.#say(`the layer is kept without a live state: ${messageOf(error)}`);
			return undefined;
		}
	}

	async #dropSuperseded(key: Digest, fits: Digest | undefined): Promise<void> {
		if (this.#options.live === "always" || fits === undefined || this.#costs === undefined) return;
		const { rootKey, layered } = this.#chain;
		const keys = [rootKey, ...layered.map((step) => step.key)];
		const end = keys.indexOf(key);
		for (let index = this.#links.length; index <= end; index++) {
			const one = keys[index] ?? rootKey;
			const took = (await this.#store.layers.find(one))?.took.run ?? 0;
			this.#links.push({
				key: one,
				run: took,
				beforeCopy: copiesFiles(layered[index]),
				edited: one === this.#begin,
				branch: this.#branches.has(one),
			});
		}
		for (const one of superseded(this.#links, this.#costs)) {
			if (!this.#dropped.has(one)) await this.#store.live.drop(one, fits);
			this.#dropped.add(one);
		}
	}
}

function copiesFiles(step: Step | undefined): boolean {
	return step?.effects.some((effect) => effect.kind === "copy" && effect.request.origins.some(isContext)) === true;
}

function isContext({ kind }: { readonly kind: string }): boolean {
	return kind === "context";
}
