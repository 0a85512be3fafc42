/** Sources, heredocs and destination of COPY and ADD. */
import { chompHeredoc, parseHeredocReference } from "../nodefile/heredoc.ts";
import type { Heredoc, InstructionNode } from "../nodefile/types.ts";
import { Fault } from "./fault.ts";

/** @throws Fault for fewer than two arguments */
export function requireDestination(node: InstructionNode): void {
	if (node.args.length >= 2) return;
	throw new Fault({
		message: `${node.keyword} requires at least two arguments, but only one was provided. Destination could not be determined`,
	});
}

/** @throws Fault for a heredoc as destination */
export function sourcesAndDest(node: InstructionNode): { sources: string[]; heredocs: Heredoc[]; dest: string } {
	const dest = node.args.at(-1) ?? "";
	if (parseHeredocReference(dest) !== undefined) {
		throw new Fault({ message: `${node.keyword} cannot accept a heredoc as a destination`, part: dest });
	}
	const sources: string[] = [];
	const heredocs: Heredoc[] = [];
	for (const word of node.args.slice(0, -1)) {
		const reference = parseHeredocReference(word);
		if (reference === undefined) {
			sources.push(word);
			continue;
		}
		// The last body of a name serves all words with that name, as in BuildKit; JSON words have none.
		const body = node.heredocs.findLast((heredoc) => heredoc.name === reference.name);
		const raw = body?.raw ?? body?.content ?? "";
		heredocs.push({ ...reference, content: reference.chomp ? chompHeredoc(raw) : raw });
	}
	return { sources, heredocs, dest };
}
