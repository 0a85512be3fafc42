import { type Definition, onlyArgument } from "./definition.ts";
import { exactlyOneArgument } from "./fault.ts";
import { readFlags } from "./flags.ts";

/** `MAINTAINER Jo Doe <jo@example.com>` (deprecated: LABEL org.opencontainers.image.authors=...) */
export const maintainer: Definition = {
	syntax: "MAINTAINER NAME",
	parse(node) {
		const name = onlyArgument(node);
		if (name === undefined) throw exactlyOneArgument("MAINTAINER");
		readFlags(node, {});
		return { kind: "maintainer", node, name };
	},
};
