import { trimSpace } from "../nodefile/space.ts";
import { type Definition, given } from "./definition.ts";
import { Fault } from "./fault.ts";
import { readFlags } from "./flags.ts";

const STAGE_NAME = /^[a-z][a-z0-9\-_.]*$/;

/** `FROM debian:12 AS build` */
export const from: Definition = {
	syntax: "FROM [--platform=PLATFORM] BASE [AS NAME]",
	parse(node) {
		const as = stageName(node.args);
		const { platform } = readFlags(node, { platform: "string" });
		const image = node.args[0] ?? "";
		return { kind: "from", node, image, ...given("platform", platform), ...given("as", as) };
	},
};

/** Lower-cased: names of stages are found whatever their case. */
function stageName(args: readonly string[]): string | undefined {
	const [, as, written] = args;
	if (args.length === 3 && as?.toLowerCase() === "as" && written !== undefined) {
		const name = written.toLowerCase();
		if (STAGE_NAME.test(name)) return name;
		throw new Fault({
			message: `invalid name for build stage: ${JSON.stringify(trimSpace(written))}, name can't start with a number or contain symbols`,
			part: written,
			hint: "Begin with a letter, go on with letters, digits, - _ and . only; variables are not expanded here.",
		});
	}
	if (args.length === 1) return undefined;
	throw new Fault({ message: "FROM requires either one or three arguments" });
}
