import { type Definition, onlyArgument } from "./definition.ts";
import { exactlyOneArgument } from "./fault.ts";
import { readFlags } from "./flags.ts";

/** `WORKDIR /srv/app` */
export const workdir: Definition = {
	syntax: "WORKDIR PATH",
	parse(node) {
		const path = onlyArgument(node);
		if (path === undefined) throw exactlyOneArgument("WORKDIR");
		readFlags(node, {});
		return { kind: "workdir", node, path };
	},
};
