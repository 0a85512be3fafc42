/** `RUN command`, `RUN ["argv"]`, `RUN <<EOF` */
import type { RunInstruction } from "../../instructions/types.ts";
import { parseHeredocReference } from "../../nodefile/heredoc.ts";
import { withProxies } from "../args.ts";
import { expandForTitle } from "../expand.ts";
import { cleanPath } from "../paths.ts";
import { withShell } from "../state.ts";
import type { Effect } from "../types.ts";
import { expansionOf, invalid, type LowerContext, type Lowered } from "./context.ts";
import { lowerMounts } from "./mounts.ts";
import { original } from "./settings.ts";

type Exec = Extract<Effect, { kind: "exec" }>;
type Command = Pick<Exec, "argv" | "pipes">;

export async function lowerRun(instruction: RunInstruction, context: LowerContext): Promise<Lowered> {
	const { state, proxies } = context;
	const { env, added } = withProxies(state.env, proxies);
	const effect: Exec = {
		kind: "exec",
		...commandOf(instruction, context),
		env,
		cwd: cleanPath(state.config.workdir),
		user: state.config.user,
		mounts: await lowerMounts(instruction, context),
		network: instruction.network,
		...(added.length === 0 ? {} : { unkeyed: added }),
	};
	return { state, effects: [effect], title: titleOf(instruction, context) };
}

/** A command that is one heredoc and nothing else. */
const isLoneHeredoc = (script: string): boolean => parseHeredocReference(script) !== undefined;

function commandOf(instruction: RunInstruction, context: LowerContext): Command {
	const { command, heredocs } = instruction;
	if (command.form === "exec") {
		if (command.argv.length === 0)
			throw invalid(context.at, "expected a command, got an empty list", 'Write RUN ["program", "argument"].');
		return { argv: command.argv, pipes: [] };
	}
	const { config } = context.state;
	const [first] = heredocs;
	if (first === undefined) return { argv: withShell(config, command.script), pipes: [] };
	if (!isLoneHeredoc(command.script)) {
		const bodies = heredocs.map(({ raw, content, name }) => `\n${raw ?? content}${name}`).join("");
		return { argv: withShell(config, command.script + bodies), pipes: [] };
	}
	if (!first.content.startsWith("#!")) return { argv: withShell(config, first.content), pipes: [] };
	return { argv: [`/dev/pipes/${first.name}`], pipes: [{ name: first.name, content: first.content }] };
}

function titleOf(instruction: RunInstruction, context: LowerContext): string {
	const title = expandForTitle(original(instruction.node.original), expansionOf(context));
	const [first] = instruction.heredocs;
	if (first === undefined || instruction.command.form === "exec" || !isLoneHeredoc(instruction.command.script))
		return title;
	const [line = "", ...more] = first.content.trim().split(/\r?\n/);
	return `${title} (${line}${more.length > 0 ? "..." : ""})`;
}
