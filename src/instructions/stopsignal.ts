import { type Definition, onlyArgument } from "./definition.ts";
import { exactlyOneArgument } from "./fault.ts";

/** `STOPSIGNAL SIGQUIT` */
export const stopsignal: Definition = {
	syntax: "STOPSIGNAL SIGNAL",
	parse(node) {
		const signal = onlyArgument(node);
		if (signal === undefined) throw exactlyOneArgument("STOPSIGNAL");
		// BuildKit does not look at flags of STOPSIGNAL.
		return { kind: "stopsignal", node, signal };
	},
};
