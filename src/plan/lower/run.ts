/** `RUN command`, `RUN ["argv"]`, `RUN <<EOF` */
import type { NodebuildError } from "../../errors.ts";
import { runScript } from "../../instructions/index.ts";
import type { RunInstruction } from "../../instructions/types.ts";
import { parseHeredocReference } from "../../nodefile/heredoc.ts";
import { withProxies } from "../args.ts";
import { expandForTitle } from "../expand.ts";
import { cleanPath } from "../paths.ts";
import { withShell } from "../state.ts";
import type { Effect } from "../types.ts";
import { expansionOf, invalid, type LowerContext, type Lowered } from "./context.ts";
import { lowerMounts, withAgent } from "./mounts.ts";
import { original } from "./settings.ts";

/** Where heredocs with a shebang are found while they run; BuildKit's place. */
const PIPES = "/dev/pipes";

type Exec = Extract<Effect, { kind: "exec" }>;
type Command = Pick<Exec, "argv" | "pipes">;

export async function lowerRun(instruction: RunInstruction, context: LowerContext): Promise<Lowered> {
	const { state, proxies } = context;
	const { env, added } = withProxies(state.env, proxies);
	const mounts = await lowerMounts(instruction, context);
	const effect: Exec = {
		kind: "exec",
		...commandOf(instruction, context),
		env: withAgent(env, mounts),
		cwd: cleanPath(state.config.workdir),
		user: state.config.user,
		mounts,
		network: instruction.network,
		...(added.length === 0 ? {} : { unkeyed: added }),
	};
	return { state, effects: [effect], title: titleOf(instruction, context) };
}

function commandOf(instruction: RunInstruction, context: LowerContext): Command {
	const { command } = instruction;
	if (command.form === "exec") {
		if (command.argv.length === 0)
			throw invalid(context.at, "expected a command, got an empty list", 'Write RUN ["program", "argument"].');
		const long = command.argv.find(isLong);
		if (long !== undefined) throw tooLong(long, "an argument", context);
		return { argv: command.argv, pipes: [] };
	}
	const script = runScript(instruction) ?? { kind: "shell", script: command.script };
	if (script.kind === "shell") return shellCommand(script.script, context);
	const { name, content } = script;
	return { argv: [`${PIPES}/${name}`], pipes: [{ name, content }] };
}

/** Bytes of the longest argument that Linux gives to a program, its NUL not counted (MAX_ARG_STRLEN, execve(2)). */
const LONGEST_ARGUMENT = 128 * 1024 - 1;

function isLong(argument: string): boolean {
	return Buffer.byteLength(argument) > LONGEST_ARGUMENT;
}

/** The text is an argument of the shell; one that is too long for that is read from a file by the same shell. */
function shellCommand(script: string, context: LowerContext): Command {
	const { config } = context.state;
	if (!isLong(script)) return { argv: withShell(config, script), pipes: [] };
	const [program = "", ...options] = withShell(config, "").slice(0, -1);
	if (!READS_SCRIPTS.test(program) || !/^-[a-z]*c$/i.test(options.at(-1) ?? ""))
		throw tooLong(script, `a text for ${program}`, context);
	return { argv: withShell(config, `. ${PIPES}/command`), pipes: [{ name: "command", content: script }] };
}

/** Shells with `-c` and `.`. */
const READS_SCRIPTS = /(^|\/)(sh|bash|dash|ash|ksh|mksh|zsh)$/;

function tooLong(text: string, what: string, context: LowerContext): NodebuildError {
	return invalid(
		context.at,
		`expected ${what} of at most ${LONGEST_ARGUMENT} bytes, got ${Buffer.byteLength(text)}: Linux starts no program with more`,
		"Put it into a file: COPY <<EOF /path, and run that.",
	);
}

/** A lone heredoc shows its first line, as in BuildKit's output. */
function titleOf(instruction: RunInstruction, context: LowerContext): string {
	const title = expandForTitle(original(instruction.node.original), expansionOf(context));
	const [first] = instruction.heredocs;
	const { command } = instruction;
	const lone = command.form === "shell" && parseHeredocReference(command.script) !== undefined;
	if (first === undefined || !lone) return title;
	const [line = "", ...more] = first.content.trim().split(/\r?\n/);
	return `${title} (${line}${more.length > 0 ? "..." : ""})`;
}
