/** Whether whoever reads standard error is a program, to which errors are told as JSON. */
import type { Command } from "commander";
import type { Io } from "./io.ts";

/**
 * By the words, because a command line that is wrong has no options yet. `command`: the one whose options were
 * understood; $NODEBUILD_PROGRESS means nothing to one that has no `--progress`.
 */
export function wantsJson(args: readonly string[], env: Io["env"], command?: Command): boolean {
	// What follows the image is a command of the machine's.
	if (args[0] === "run") return false;
	const end = args.indexOf("--");
	const words = end < 0 ? args : args.slice(0, end);
	if (words.includes("--json")) return true;
	const modes = words.flatMap((word, index) =>
		word === "--progress"
			? [words[index + 1]]
			: word.startsWith("--progress=")
				? [word.slice("--progress=".length)]
				: [],
	);
	if (modes.length > 0) return modes.at(-1) === "json";
	const hasProgress = command === undefined || command.options.some(({ long }) => long === "--progress");
	return env.NODEBUILD_PROGRESS === "json" && hasProgress;
}
