/**
 * When a live state is taken, which ones stay, and which go first. Pure: what was measured goes in, a choice comes
 * out. docs/live.md has the figures behind the numbers.
 */
import type { Digest } from "../digest.ts";

/** `auto`: where it pays; `always`: at every step that has room; `never`: neither taken nor used. */
export type LiveMode = "auto" | "always" | "never";

/** Milliseconds until a machine can run a step, as this host measured them. */
export interface LiveCosts {
	readonly boot: number;
	readonly resume: number;
}

export interface TakeQuestion {
	readonly mode: LiveMode;
	/** A secret was in the machine since it was started. */
	readonly tainted: boolean;
	/** Steps of the chain that are still to be run. */
	readonly ahead: number;
	/** Several of the Nodefile's stages go on from here. */
	readonly branch: boolean;
	readonly costs: LiveCosts;
	/** What the machine's freeze before this one was; undefined: this is its first. */
	readonly before?: { readonly bytes: number; readonly milliseconds: number };
	/** Bytes that the store's file system has left. */
	readonly free: number;
	/** Bytes that all live states may take. */
	readonly quota: number;
}

export type TakeAnswer =
	/** `limit`: bytes that the state may have. */
	| { readonly take: true; readonly limit: number }
	| { readonly take: false; readonly why: "never" | "secret" | "space" | "quota" | "cost" };

/** Bytes that stay free for layers: live states are what a host can do without. */
const RESERVE = { auto: 2 * 2 ** 30, always: 256 * 2 ** 20 } as const;
/** The chance that a build will start exactly here: at the end of a chain, where people edit, or of a part that chains share, and elsewhere. */
const CHANCE = { end: 0.5, within: 0.05 } as const;
/** As many of the last layers count as the end of a chain. */
const END = 2;

export function decideTake(question: TakeQuestion): TakeAnswer {
	const { mode, tainted, ahead, branch, costs, before, free, quota } = question;
	if (mode === "never") return { take: false, why: "never" };
	if (tainted) return { take: false, why: "secret" };
	const room = free - RESERVE[mode];
	const bytes = before?.bytes ?? 0;
	if (room <= bytes) return { take: false, why: "space" };
	if (quota <= bytes) return { take: false, why: "quota" };
	const saved = Math.max(0, costs.boot - costs.resume) * (ahead < END || branch ? CHANCE.end : CHANCE.within);
	if (mode === "auto" && (before?.milliseconds ?? 0) > saved) return { take: false, why: "cost" };
	return { take: true, limit: Math.min(room, quota) };
}

/** A layer of a chain, from the booted base on. */
export interface ChainLink {
	readonly key: Digest;
	/** Milliseconds that its step took. */
	readonly run: number;
	/** The step after it copies files, which change more often than a Nodefile does. */
	readonly beforeCopy: boolean;
	/** This build went on from here: the step after it is being edited, and will be again. */
	readonly edited: boolean;
	/** Several of the Nodefile's stages go on from here. */
	readonly branch: boolean;
}

/** So many of the last layers keep their states: the last line edited, one added, one taken away. */
const KEPT_AT_END = 3;
/** ... and before so many of the last steps that copy files. */
const KEPT_BEFORE_COPY = 2;

/**
 * Layers whose live states are of no more use now that the chain has come to its last link. What stays: the booted
 * base's, those at the end, before the last copies, where this build began, and one wherever the steps since the one
 * below took longer than a boot.
 */
export function superseded(chain: readonly ChainLink[], costs: LiveCosts): readonly Digest[] {
	const copies = chain.filter(({ beforeCopy }) => beforeCopy).slice(-KEPT_BEFORE_COPY);
	let since = 0;
	return chain
		.filter((link, index) => {
			since += index === 0 ? 0 : link.run;
			const ends = index >= chain.length - KEPT_AT_END;
			const wanted = index === 0 || ends || link.edited || link.branch || copies.includes(link);
			if (!wanted && since < costs.boot) return true;
			since = 0;
			return false;
		})
		.map(({ key }) => key);
}

/**
 * What to do about a machine that has come to differ much from its RAM file, of which every freeze writes and every resume
 * reads all that differs. `rebase`: a RAM file of its own is made beside the next steps, and later states hold what differs
 * from that; each freeze compares all that the machine has ever written (`own` bytes) with it. `renew`: the machine also
 * goes on from it in a new process, which has written nothing yet: worth a resume where many freezes follow.
 * @param ahead how many steps follow.
 */
export function whenOutgrown(
	bytes: number,
	own: number,
	ahead: number,
	{ resume }: LiveCosts,
): "nothing" | "rebase" | "renew" {
	if (bytes <= OUTGROWN || ahead === 0) return "nothing";
	const comparing = ahead * (own / 2 ** 20) * COMPARING;
	return comparing < FLATTENING + resume ? "rebase" : "renew";
}

/** Milliseconds to make a RAM file of a machine's memory. */
export const FLATTENING = 1000;
/** Milliseconds to compare a MiB of memory with a file. */
const COMPARING = 1;

/** Bytes of a memory overlay that take as long to write, check and load as a resume takes without them. */
const OUTGROWN = 96 * 2 ** 20;

export interface KeptState {
	readonly layer: Digest;
	/** What machine it is for: a layer may have states for several. */
	readonly fits: Digest;
	/** The layer below. */
	readonly parent?: Digest;
	/** Name of the RAM file that it stands on. */
	readonly ram: string;
	/** Bytes on disk, the RAM file not counted. */
	readonly size: number;
	/** Milliseconds since the epoch. */
	readonly lastUse: number;
}

/** Of the variants of one step, what most edits leave behind, so many keep their states. */
const KEPT_VARIANTS = 4;

/**
 * The states to drop: older variants of the same step, then the least recently used ones until the rest takes no
 * more than `quota` bytes, with the RAM files (name -> bytes on disk) that it stands on.
 */
export function chooseDropped(
	states: readonly KeptState[],
	rams: ReadonlyMap<string, number>,
	quota: number,
): readonly KeptState[] {
	const kept = new Set<string>();
	const variants = new Map<string, number>();
	let total = 0;
	return [...states]
		.sort((a, b) => b.lastUse - a.lastUse)
		.filter(({ fits, parent, ram, size }) => {
			const step = `${fits} ${parent}`;
			const variant = parent === undefined ? 0 : (variants.get(step) ?? 0);
			variants.set(step, variant + 1);
			const cost = size + (kept.has(ram) ? 0 : (rams.get(ram) ?? 0));
			if (variant >= KEPT_VARIANTS || total + cost > quota) return true;
			total += cost;
			kept.add(ram);
			return false;
		});
}

/** Milliseconds without use after which a RAM file is packed: a third of the room, and 2 to 5 s to take it out again. */
const COLD = 3 * 24 * 3_600_000;

/** The RAM files to pack, largest first: none of the states that stand on them was used for three days. */
export function chooseCold(
	states: readonly Pick<KeptState, "ram" | "lastUse">[],
	rams: readonly { readonly name: string; readonly size: number; readonly packed: boolean }[],
	now: number,
): readonly string[] {
	const lastUse = new Map<string, number>();
	for (const state of states) lastUse.set(state.ram, Math.max(lastUse.get(state.ram) ?? 0, state.lastUse));
	return rams
		.filter(({ name, packed }) => !packed && (lastUse.get(name) ?? now) < now - COLD)
		.sort((a, b) => b.size - a.size)
		.map(({ name }) => name);
}
