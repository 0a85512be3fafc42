import type { Definition } from "./definition.ts";
import { atLeastOneArgument } from "./fault.ts";
import { readFlags } from "./flags.ts";

/** `EXPOSE 80/tcp 443` */
export const expose: Definition = {
	syntax: "EXPOSE PORT[-PORT][/PROTOCOL] ...",
	parse(node) {
		if (node.args.length === 0) throw atLeastOneArgument("EXPOSE");
		readFlags(node, {});
		return { kind: "expose", node, ports: node.args.toSorted() };
	},
};
