import type { Definition } from "./definition.ts";
import { atLeastOneArgument, Fault } from "./fault.ts";
import { readFlags } from "./flags.ts";

/** `SHELL ["/bin/bash", "-o", "pipefail", "-c"]` */
export const shell: Definition = {
	syntax: 'SHELL ["PROGRAM", "ARGUMENT"]',
	parse(node) {
		readFlags(node, {});
		if (node.args.length === 0) throw atLeastOneArgument("SHELL");
		if (!node.json) throw new Fault({ message: "SHELL requires the arguments to be in JSON form" });
		return { kind: "shell", node, argv: node.args };
	},
};
