/** `COPY [flags] source... dest` and `ADD` */
import { NodebuildError } from "../../errors.ts";
import type { CopyInstruction } from "../../instructions/types.ts";
import { rawExpander } from "../expand.ts";
import { resolveDestination } from "../paths.ts";
import type { CopyOrigin, CopyRequest } from "../types.ts";
import { type Expanded, originsOf } from "./copy-origins.ts";
import { expandIn, expansionOf, invalid, type LowerContext, type Lowered } from "./context.ts";

export async function lowerCopy(instruction: CopyInstruction, context: LowerContext): Promise<Lowered> {
	const expanded = expandOrHint(instruction, context);
	const raw = rawExpander(expansionOf(context));
	const inline = instruction.heredocs.map(
		({ name, content, expand }): CopyOrigin => ({
			kind: "inline",
			name,
			content: expand ? raw(content) : content,
		}),
	);
	if (expanded.chmod !== undefined) checkMode(expanded.chmod, instruction.chmod, context);
	const request: CopyRequest = {
		origins: [...originsOf(expanded, context), ...inline],
		dest: resolveDestination(context.state.config.workdir, expanded.dest),
		...(expanded.chown ? { chown: expanded.chown } : {}),
		...(expanded.chmod ? { chmod: expanded.chmod } : {}),
		link: instruction.link,
		parents: instruction.parents,
		exclude: expanded.exclude,
		unpack: instruction.unpack ?? instruction.kind === "add",
	};
	const content = await context.contentOf(request, context.at, "COPY --from");
	return { state: context.state, effects: [{ kind: "copy", request, content }], title: titleOf(expanded) };
}

/** Quotes hold nothing together in the words of COPY; who writes them means a name with blanks. */
function expandOrHint(instruction: CopyInstruction, context: LowerContext): Expanded {
	try {
		return expandAll(instruction, context);
	} catch (error) {
		const { node, sources, dest } = instruction;
		const words = [...sources, dest].join(" ").match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
		if (!(error instanceof NodebuildError) || node.json || !words.some((word) => /^["'].*\s/.test(word))) throw error;
		const list = words.map((word) => JSON.stringify(word.replace(/^(["'])(.*)\1$/, "$2"))).join(", ");
		const hint = `Names with blanks are written as a list: ${[node.keyword, ...node.flags].join(" ")} [${list}]`;
		throw new NodebuildError({ code: error.code, message: error.message, hint, cause: error });
	}
}

function expandAll(instruction: CopyInstruction, context: LowerContext): Expanded {
	const expand = expandIn(context);
	const optional = (name: "chown" | "chmod" | "checksum") =>
		instruction[name] === undefined ? {} : { [name]: expand(instruction[name]) };
	return {
		...instruction,
		...optional("chown"),
		...optional("chmod"),
		...optional("checksum"),
		exclude: instruction.exclude.map(expand),
		sources: instruction.sources.map(expand),
		dest: expand(instruction.dest),
	};
}

const SYMBOLIC_MODE = /^[ugoa]*([-+=]([rwxXst]*|[ugo]))+(,[ugoa]*([-+=]([rwxXst]*|[ugo]))+)*$/;

function checkMode(mode: string, written: string | undefined, context: LowerContext): void {
	if (mode === "") return;
	const octal = /^[0-7]+$/.test(mode);
	if (octal ? Number.parseInt(mode, 8) <= 0o7777 : SYMBOLIC_MODE.test(mode)) return;
	throw invalid(
		context.at,
		`invalid chmod parameter: expected an octal number between 0 and 07777 or a symbolic mode, got "${mode}"`,
		"Write --chmod=755 or --chmod=u=rwX,go=rX.",
		{ part: `--chmod=${written}` },
	);
}

function titleOf(copy: Expanded): string {
	const flag = (name: string, value: string | undefined) => (value ? [`--${name}=${value}`] : []);
	return [
		copy.kind.toUpperCase(),
		...flag("from", copy.from),
		...(copy.link ? ["--link"] : []),
		...(copy.parents ? ["--parents"] : []),
		...flag("chown", copy.chown),
		...flag("chmod", copy.chmod),
		...copy.exclude.flatMap((pattern) => flag("exclude", pattern)),
		...copy.sources,
		...copy.heredocs.map(({ name }) => `<<${name}`),
		copy.dest,
	].join(" ");
}
