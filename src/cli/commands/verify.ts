/** `nodebuild verify IMAGE`: prove that an image boots and answers. */
import type { Command } from "commander";
import { EXIT_STATUS } from "../../errors.ts";
import {
	addMachineOptions,
	addProgressOption,
	type CommandContext,
	homeOf,
	type MachineFlags,
	machineOf,
	type ProgressFlags,
	printJson,
	withProgress,
} from "../context.ts";
import { renderVerification } from "../render/result.ts";

interface Flags extends MachineFlags, ProgressFlags {
	readonly json?: boolean;
}

export function addVerify(program: Command, { io, backend, exitWith }: CommandContext): void {
	const command = program
		.command("verify")
		.summary("boot a throwaway copy of an image and check that it answers")
		.description("Boot a throwaway copy of an image and check it: its boot, its services, its ports, its HEALTHCHECK.")
		.argument("<image>", "name or id")
		.option("--json", "print the report as JSON");
	addProgressOption(addMachineOptions(command)).action(async (image: string, flags: Flags) => {
		const report = await withProgress(flags, io, (renderer) =>
			backend.verify({ home: homeOf(io), image, ...machineOf(flags, io), signal: io.signal, emit: renderer.emit }),
		);
		if (flags.json === true) printJson(io, report);
		else io.stdout.write(renderVerification(report));
		if (!report.passed) exitWith(EXIT_STATUS.VERIFY_FAILED);
	});
}
