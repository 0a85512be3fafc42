/** Guests that reboot because a step asked for it. */
import { NodebuildError } from "../errors.ts";
import { waitUntilReady } from "./readiness.ts";
import type { Guest } from "./types.ts";

/** A guest that may go down and come back. */
export interface RebootingGuest extends Guest {
	/** Its boot id when it was last settled. */
	bootId: string | undefined;
	/** Resolves when the connection is gone; a guest that shuts down ends it. */
	readonly disconnected: Promise<void>;
	/** Wait until it is up again. */
	reconnect(): Promise<void>;
}

/**
 * Writes all caches to the disk; meanwhile asks whether a shutdown is under way. Tells the boot, and that. The program
 * that waits in a frozen guest does the same by itself (agent/settle-program.ts).
 */
const SETTLE = `sync &
state=$(systemctl is-system-running 2>/dev/null)
read -r boot < /proc/sys/kernel/random/boot_id
wait
printf '%s\\n' "$boot" "$state"`;

/** Milliseconds a guest may take to go down for a reboot. */
const SHUTDOWN_TIMEOUT = 180_000;

/**
 * Sync the guest. One that is going down is waited for until it is up again and ready; then it is
 * synced anew.
 * @throws NodebuildError MACHINE_LOST when it powered itself off instead, MACHINE_NOT_READY when it does not come back.
 */
export async function settle(guest: RebootingGuest, signal?: AbortSignal): Promise<void> {
	for (;;) {
		const result = await guest.capture({
			argv: ["/bin/sh", "-s"],
			stdin: SETTLE,
			builtin: { name: "settle" },
			...(signal === undefined ? {} : { signal }),
		});
		const [boot = "", state = ""] = result.stdout.split("\n");
		if (!result.rebooted && state !== "stopping") {
			if (guest.bootId === undefined || guest.bootId === boot) {
				guest.bootId = boot;
				return;
			}
			guest.bootId = boot;
			await waitUntilReady(guest, false);
			continue;
		}
		if (!result.rebooted) {
			await goneDown(guest);
			await guest.reconnect();
		}
		await waitUntilReady(guest, false);
	}
}

/** Remember which boot this is, so that a later one is noticed. */
export async function noteBoot(guest: RebootingGuest): Promise<void> {
	guest.bootId = (await guest.script("cat /proc/sys/kernel/random/boot_id")).trim();
}

async function goneDown(guest: RebootingGuest): Promise<void> {
	let timer: NodeJS.Timeout | undefined;
	const timeout = new Promise<"timeout">((resolve) => {
		timer = setTimeout(() => resolve("timeout"), SHUTDOWN_TIMEOUT);
	});
	const outcome = await Promise.race([guest.disconnected, timeout]);
	clearTimeout(timer);
	if (outcome !== "timeout") return;
	throw new NodebuildError({
		code: "MACHINE_LOST",
		message: `the machine was told to go down, and was still up ${SHUTDOWN_TIMEOUT / 1000} s later`,
		hint: "something in it holds up the shutdown; look inside with nodebuild shell",
	});
}

/** @param crashed the machine has booted anew, but not in good order. */
export function brokenOff(command: string, crashed: boolean): NodebuildError {
	const cuts = "; a command that ends every process (kill -1) or takes the network away breaks it each time";
	return new NodebuildError({
		code: "MACHINE_LOST",
		message: crashed
			? `the machine crashed while "${command}" ran, and booted anew`
			: `the connection to the machine broke while "${command}" ran; how it ended is not known`,
		hint: `run the build again: it goes on after the last finished step${crashed ? "" : cuts}`,
	});
}
