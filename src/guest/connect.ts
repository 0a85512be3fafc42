/** How a guest is reached: over SSH, and where it was frozen by the program that waits in it. */
import { messageOf, NodebuildError } from "../errors.ts";
import type { AgentConnection, AgentTarget } from "./agent/agent.ts";
import { interrupted } from "./connection.ts";
import type { SshConnection, SshTarget } from "./ssh.ts";

/** A machine that goes on from a live state. */
export interface Resumed {
	/** Milliseconds for its first answer. */
	readonly timeout: number;
	/** The program that waits in it; undefined: none does. */
	readonly agent?: AgentTarget;
	/** False: it knows the time. */
	readonly wake?: boolean;
}

export interface SshGuestOptions {
	readonly target: SshTarget;
	/** Resolves when the machine's process has ended: waiting for it any longer is useless. */
	readonly gone: Promise<void>;
	/** Whether the kernel said that it crashed. */
	readonly crashed?: () => Promise<boolean>;
	/** Whether the machine is at work, though it does not answer: then it is waited for longer, see `PATIENCE`. */
	readonly atWork?: () => Promise<boolean>;
	/** Milliseconds for the machine to come back after a reboot. */
	readonly bootTimeout: number;
	/** The machine was frozen and goes on: it is not waited for as long, and is told the time first. */
	readonly resumed?: Resumed;
	readonly signal?: AbortSignal;
}

/** Milliseconds for the program in the guest; then SSH is tried. */
const AGENT_TIMEOUT = 10_000;

/** The program that waits in a machine that was frozen; undefined: none does any more. @throws NodebuildError INTERRUPTED. */
export async function connectAgent({ resumed, signal }: SshGuestOptions): Promise<AgentConnection | undefined> {
	if (resumed?.agent === undefined) return undefined;
	const { AgentConnection } = await import("./agent/agent.ts");
	const timeout = Math.min(AGENT_TIMEOUT, resumed.timeout);
	return await AgentConnection.connect(resumed.agent, {
		timeout,
		wake: resumed.wake ?? true,
		...(signal === undefined ? {} : { signal }),
	}).catch((error: unknown) => {
		if (signal?.aborted === true) throw error;
		return undefined;
	});
}

export function processGone(): NodebuildError {
	return new NodebuildError({ code: "MACHINE_LOST", message: "the machine's QEMU process ended" });
}

/** Milliseconds between two tries; a refused connection costs nothing. */
const RETRY = 200;

/** How many times its time a machine gets at most while it is at work: a busy host gives it little of itself. */
const PATIENCE = 4;

/** Milliseconds that one try may take: at first, and when the guest has shown that it needs more. */
const TRY = 15_000;
const LONG_TRY = 30_000;

/** Try until the guest answers over SSH. @throws NodebuildError MACHINE_NOT_READY, MACHINE_LOST, INTERRUPTED. */
export async function connectUntil(options: SshGuestOptions, timeout: number): Promise<SshConnection> {
	const begun = performance.now();
	const waited = (): number => performance.now() - begun;
	const goesOn = async (): Promise<boolean> =>
		waited() < timeout || (waited() < PATIENCE * timeout && (await options.atWork?.()) === true);
	let over = false;
	options.gone.then(() => {
		over = true;
	});
	let last: unknown;
	while (await goesOn()) {
		if (options.signal?.aborted === true) throw interrupted();
		if (over) throw processGone();
		const { SshConnection } = await import("./ssh.ts");
		try {
			return await SshConnection.connect(options.target, waited() < 2 * TRY ? TRY : LONG_TRY, options.signal);
		} catch (error) {
			if (error instanceof NodebuildError) throw error;
			last = error;
			await new Promise((resolve) => setTimeout(resolve, RETRY));
		}
	}
	throw new NodebuildError({
		code: "MACHINE_NOT_READY",
		message: `the machine did not answer over SSH within ${Math.round(waited() / 1000)} s: ${messageOf(last)}`,
		hint: "its console's last lines are above; an image needs cloud-init with the NoCloud datasource and an SSH server",
		cause: last,
	});
}
