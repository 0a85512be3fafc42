import { expect, test } from "vitest";
import { noteBoot, type RebootingGuest, settle } from "../../../src/guest/reboot.ts";
import type { CapturedResult } from "../../../src/guest/types.ts";
import { localGuest } from "./local-guest.ts";

const isSettle = (stdin: unknown): boolean => typeof stdin === "string" && stdin.startsWith("sync");

/** Answers to each try to settle, in turn; everything else is well. */
function guestThat(bootId: string | undefined, answers: readonly Partial<CapturedResult>[]) {
	const left = [...answers];
	const happened: string[] = [];
	const local = localGuest(({ stdin }) => {
		if (isSettle(stdin)) {
			happened.push("sync");
			return left.shift() ?? {};
		}
		happened.push("ready?");
		return { stdout: "boot-9" };
	});
	const guest: RebootingGuest = Object.assign(local, {
		bootId,
		disconnected: Promise.resolve(),
		reconnect: async () => {
			happened.push("reconnect");
		},
	});
	return { guest, happened, asked: local.asked };
}

const up = (boot: string, state = "running") => ({ stdout: `${boot}\n${state}\n` });

test("a guest that runs is synced, once", async () => {
	const { guest, happened } = guestThat("boot-1", [up("boot-1")]);
	await settle(guest);
	expect(happened).toEqual(["sync"]);
});

test("the first boot is remembered", async () => {
	const { guest } = guestThat(undefined, [up("boot-1", "degraded")]);
	await settle(guest);
	expect(guest.bootId).toBe("boot-1");
	await noteBoot(guest);
	expect(guest.bootId).toBe("boot-9");
});

test("a guest that is going down is waited for until it is back, ready, and synced anew", async () => {
	const { guest, happened } = guestThat("boot-1", [up("boot-1", "stopping"), up("boot-2"), up("boot-2")]);
	await settle(guest);
	expect(happened.filter((what) => what !== "ready?")).toEqual(["sync", "reconnect", "sync", "sync"]);
	expect(happened.indexOf("ready?")).toBeGreaterThan(happened.indexOf("reconnect"));
	expect(guest.bootId).toBe("boot-2");
});

test("a guest that went down during the sync is synced again after it", async () => {
	const { guest, happened } = guestThat("boot-1", [{ rebooted: true }, up("boot-2"), up("boot-2")]);
	await settle(guest);
	expect(happened).not.toContain("reconnect");
	expect(happened.at(-1)).toBe("sync");
	expect(guest.bootId).toBe("boot-2");
});

test("an interrupt reaches the guest", async () => {
	const { guest, asked } = guestThat("boot-1", [up("boot-1")]);
	const { signal } = new AbortController();
	await settle(guest, signal);
	expect(asked[0]?.signal).toBe(signal);
});
