import { type Definition, onlyArgument } from "./definition.ts";
import { exactlyOneArgument } from "./fault.ts";
import { readFlags } from "./flags.ts";

/** `USER app:app` */
export const user: Definition = {
	syntax: "USER NAME[:GROUP]",
	parse(node) {
		const name = onlyArgument(node);
		if (name === undefined) throw exactlyOneArgument("USER");
		readFlags(node, {});
		return { kind: "user", node, user: name };
	},
};
