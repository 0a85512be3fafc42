/** Why a machine failed us: what it said itself counts for more than what we noticed of it. */
import { setTimeout as sleep } from "node:timers/promises";
import { NodebuildError } from "../errors.ts";
import type { Machine } from "../machine/types.ts";

/** Milliseconds in which QEMU's end is noticed after a connection to the machine broke. */
const NOTICE = 2000;
const CONSOLE_LINES = 15;

/** The error to show for one that came up while we worked in a machine. */
export async function explainLoss(machine: Machine, error: unknown): Promise<unknown> {
	const lost = error instanceof NodebuildError && error.code === "MACHINE_LOST";
	if (lost && machine.failure === undefined) {
		const patience = new AbortController();
		await Promise.race([machine.gone, sleep(NOTICE, undefined, { signal: patience.signal }).catch(() => undefined)]);
		patience.abort();
	}
	const why = machine.failure ?? error;
	if (!(why instanceof NodebuildError) || why.code !== "MACHINE_LOST") return why;
	const tail = await machine.consoleTail(CONSOLE_LINES);
	return new NodebuildError({
		code: why.code,
		message: why.message,
		...(why.hint === undefined ? {} : { hint: why.hint }),
		...(why.at === undefined ? {} : { at: why.at }),
		details: [
			...why.details,
			...(tail.length === 0 ? [] : ["the machine's console ended with:", ...tail.map((line) => `  ${line}`)]),
		],
		cause: why === error ? (why.cause ?? error) : error,
	});
}
