import { requireDestination, sourcesAndDest } from "./copy-paths.ts";
import { type Definition, given } from "./definition.ts";
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
