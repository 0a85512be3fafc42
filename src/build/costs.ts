/** How long machines take to come up on this host, as it has seen: what live states are weighed with. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { LiveCosts } from "../layers/live-policy.ts";
import type { Store } from "../layers/store.ts";
import type { Accelerator } from "../machine/qemu/arguments.ts";
import { writeFileAtomic } from "../system/files.ts";

/** Milliseconds, before this host has shown its own: docs/live.md. */
const USUAL: Readonly<Record<Accelerator, LiveCosts>> = {
	tcg: { boot: 18_000, resume: 1000 },
	kvm: { boot: 6000, resume: 400 },
};

function fileOf(store: Store, accelerator: Accelerator): string {
	return join(store.home, "host", `costs-${accelerator}.json`);
}

export async function readCosts(store: Store, accelerator: Accelerator): Promise<LiveCosts> {
	const usual = USUAL[accelerator];
	try {
		const kept = JSON.parse(await readFile(fileOf(store, accelerator), "utf8")) as Partial<LiveCosts>;
		return { boot: positive(kept.boot) ?? usual.boot, resume: positive(kept.resume) ?? usual.resume };
	} catch {
		return usual; // absent or torn
	}
}

function positive(value: unknown): number | undefined {
	return typeof value === "number" && value > 0 ? value : undefined;
}

/** One more measurement; it counts for half, so that what lies behind fades. */
export async function noteCost(
	store: Store,
	accelerator: Accelerator,
	kind: keyof LiveCosts,
	milliseconds: number,
): Promise<void> {
	const before = await readCosts(store, accelerator);
	const after = { ...before, [kind]: Math.round((before[kind] + milliseconds) / 2) };
	await writeFileAtomic(fileOf(store, accelerator), JSON.stringify(after)).catch(() => undefined);
}
