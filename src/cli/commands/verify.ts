/** `nodebuild verify IMAGE`: prove that an image boots and answers, and holds what a suite asks of it. */
import type { Command } from "commander";
import { junitOf } from "../../build/junit.ts";
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
import { requireWritable, writeResult } from "../result-file.ts";
import { addSuiteOptions, type SuiteFlags, suiteOptions } from "../suites.ts";

interface Flags extends MachineFlags, ProgressFlags, SuiteFlags {
	readonly json?: boolean;
	readonly junit?: string;
}

export function addVerify(program: Command, { io, backend, exitWith }: CommandContext): void {
	const command = program
		.command("verify")
		.summary("boot a throwaway copy of an image and check that it answers")
		.description(
			"Boot a throwaway copy of an image and check it: its boot, its services, its ports, its HEALTHCHECK, and suites in goss's format.",
		)
		.argument("<image>", "name or id")
		.option("--junit <file>", "write the report as JUnit XML")
		.option("--json", "print the report as JSON");
	addProgressOption(addMachineOptions(addSuiteOptions(command, io))).action(async (image: string, flags: Flags) => {
		const junit = flags.junit === undefined ? undefined : { option: "--junit", path: flags.junit, cwd: io.cwd };
		if (junit !== undefined) await requireWritable(junit);
		const report = await withProgress(flags, io, (renderer) =>
			backend.verify({
				home: homeOf(io),
				image,
				...suiteOptions(flags, io),
				...machineOf(flags, io),
				signal: io.signal,
				emit: renderer.emit,
			}),
		);
		if (flags.json === true) printJson(io, report);
		else io.stdout.write(renderVerification(report));
		if (junit !== undefined) await writeResult(junit, junitOf(report), "the report is what was printed above");
		if (!report.passed) exitWith(EXIT_STATUS.VERIFY_FAILED);
	});
}
