import { trimSpace } from "../nodefile/space.ts";
import type { Definition } from "./definition.ts";
import { atLeastOneArgument, Fault } from "./fault.ts";
import { readFlags } from "./flags.ts";

/** `VOLUME /var/lib/data` or `VOLUME ["/var/lib/my data"]` */
export const volume: Definition = {
	syntax: "VOLUME PATH ...",
	parse(node) {
		if (node.args.length === 0) throw atLeastOneArgument("VOLUME");
		readFlags(node, {});
		const paths = node.args.map(trimSpace);
		if (paths.includes("")) throw new Fault({ message: "VOLUME specified can not be an empty string" });
		return { kind: "volume", node, paths };
	},
};
