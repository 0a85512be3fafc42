import { commandForm, type Definition } from "./definition.ts";
import { readFlags } from "./flags.ts";

/** `ENTRYPOINT ["/usr/sbin/nginx"]` */
export const entrypoint: Definition = {
	syntax: 'ENTRYPOINT ["PROGRAM", "ARGUMENT"] or ENTRYPOINT COMMAND',
	parse(node) {
		readFlags(node, {});
		return { kind: "entrypoint", node, command: commandForm(node) };
	},
};
