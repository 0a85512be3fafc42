import { commandForm, type Definition } from "./definition.ts";
import { readFlags } from "./flags.ts";

/** `CMD ["nginx", "-g", "daemon off;"]` */
export const cmd: Definition = {
	syntax: 'CMD ["PROGRAM", "ARGUMENT"] or CMD COMMAND',
	parse(node) {
		readFlags(node, {});
		return { kind: "cmd", node, command: commandForm(node) };
	},
};
