import type { Definition } from "./definition.ts";
import { readFlags } from "./flags.ts";
import { keyValues } from "./pairs.ts";

/** `ENV PATH=/opt/bin:$PATH LANG=C.UTF-8` */
export const env: Definition = {
	syntax: "ENV NAME=VALUE ...",
	parse(node) {
		readFlags(node, {});
		return { kind: "env", node, vars: keyValues(node) };
	},
};
