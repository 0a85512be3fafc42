import { requireDestination, sourcesAndDest } from "./copy-paths.ts";
import { type Definition, given } from "./definition.ts";
import { readFlags } from "./flags.ts";

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
