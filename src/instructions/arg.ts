import { type Definition, given } from "./definition.ts";
import { atLeastOneArgument, blankName } from "./fault.ts";

/** `ARG VERSION=1.2 CHANNEL` */
export const arg: Definition = {
	syntax: "ARG NAME[=DEFAULT] ...",
	parse(node) {
		if (node.args.length === 0) throw atLeastOneArgument("ARG");
		// BuildKit does not look at flags of ARG.
		return { kind: "arg", node, args: node.args.map(parseArg) };
	},
};

function parseArg(text: string): { key: string; value?: string } {
	const equals = text.indexOf("=");
	if (equals === 0) throw blankName("ARG");
	const key = equals < 0 ? text : text.slice(0, equals);
	return { key, ...given("value", equals < 0 ? undefined : text.slice(equals + 1)) };
}
