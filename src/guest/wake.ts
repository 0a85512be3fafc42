/** A guest that was frozen, perhaps long ago: its clock stands at the freeze, its entropy is its twin's. */
import { randomBytes } from "node:crypto";
import type { Guest } from "./types.ts";

/** Before anything else runs: the clock, and random bytes of this host into the kernel's pool. */
export async function wakeUp(guest: Guest): Promise<void> {
	const now = (Date.now() / 1000).toFixed(3);
	// Octal escapes are what every printf has.
	const entropy = [...randomBytes(64)].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
	await guest.script(`date -u -s @${now} >/dev/null\nprintf '${entropy}' > /dev/urandom\n`);
}
