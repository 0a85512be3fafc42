import { chompHeredoc, parseHeredocReference } from "../nodefile/heredoc.ts";
import type { Heredoc, InstructionNode } from "../nodefile/types.ts";
import { type Definition, given } from "./definition.ts";
import { Fault } from "./fault.ts";
import { readFlags } from "./flags.ts";

/** `COPY --chown=app:app src/ /srv/app/` */
export const copy: Definition = {
	syntax: "COPY [--from=...] [--chown=...] [--chmod=...] [--link] [--parents] [--exclude=...] SOURCE ... DESTINATION",
	parse(node) {
		requireDestination(node);
		const flags = readFlags(node, {
			from: "string",
			chown: "string",
			chmod: "string",
			link: "boolean",
			parents: "boolean",
			exclude: "strings",
		});
		return {
			kind: "copy",
			node,
			...sourcesAndDest(node),
			...given("from", flags.from),
			...given("chown", flags.chown),
			...given("chmod", flags.chmod),
			link: flags.link ?? false,
			parents: flags.parents ?? false,
			exclude: flags.exclude,
			keepGitDir: false,
		};
	},
};

/** `ADD --checksum=sha256:... https://example.com/app.tar.gz /opt/` */
export const add: Definition = {
	syntax:
		"ADD [--chown=...] [--chmod=...] [--link] [--exclude=...] [--checksum=...] [--keep-git-dir] [--unpack] SOURCE ... DESTINATION",
	parse(node) {
		requireDestination(node);
		const flags = readFlags(node, {
			chown: "string",
			chmod: "string",
			link: "boolean",
			exclude: "strings",
			checksum: "string",
			"keep-git-dir": "boolean",
			unpack: "boolean",
		});
		return {
			kind: "add",
			node,
			...sourcesAndDest(node),
			...given("chown", flags.chown),
			...given("chmod", flags.chmod),
			link: flags.link ?? false,
			parents: false,
			exclude: flags.exclude,
			...given("checksum", flags.checksum),
			keepGitDir: flags["keep-git-dir"] ?? false,
			...given("unpack", flags.unpack),
		};
	},
};

function requireDestination(node: InstructionNode): void {
	if (node.args.length >= 2) return;
	throw new Fault({
		message: `${node.keyword} requires at least two arguments, but only one was provided. Destination could not be determined`,
	});
}

function sourcesAndDest(node: InstructionNode): { sources: string[]; heredocs: Heredoc[]; dest: string } {
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
