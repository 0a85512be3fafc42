/** What a command answers, and what has nothing to do with a machine. */
import * as z from "zod";
import { NodebuildError } from "../../../errors.ts";
import { facts, milliseconds, resourceKind, sh } from "../kind.ts";
import type { Value } from "../value.ts";

export const command = resourceKind({
	parameters: { exec: z.string().optional(), timeout: milliseconds(10_000) },
	properties: { "exit-status": "number", stdout: "text", stderr: "text" },
	async find({ name, parameters: { exec = name, timeout } }, probe) {
		try {
			const { status, stdout, stderr } = await sh(probe, exec, [], { timeout });
			const said = stderr.trim() || stdout.trim();
			return facts({ "exit-status": status, stdout, stderr }, said);
		} catch (error) {
			if (probe.signal.aborted || !(error instanceof NodebuildError) || error.code !== "MACHINE_LOST") throw error;
			return facts({}, error.message);
		}
	},
});

/** Compares what the suite itself says, of which templates make something. */
export const matching = resourceKind({
	parameters: { content: z.json() },
	properties: { matches: "value" },
	find: async ({ parameters: { content } }) => facts({ matches: content as Value }),
});
