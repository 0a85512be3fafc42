import type { Definition } from "./definition.ts";
import { readFlags } from "./flags.ts";
import { keyValues } from "./pairs.ts";

/** `LABEL org.opencontainers.image.title="My machine"` */
export const label: Definition = {
	syntax: "LABEL NAME=VALUE ...",
	parse(node) {
		readFlags(node, {});
		return { kind: "label", node, labels: keyValues(node) };
	},
};
