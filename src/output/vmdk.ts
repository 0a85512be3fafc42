/** `-o type=vmdk,dest=node.vmdk[,subformat=streamOptimized]` */
import { convertedFormat } from "./convert.ts";

export const vmdkOutput = convertedFormat({
	type: "vmdk",
	description: "VMware's disk (vSphere, Workstation, VirtualBox)",
	options: {
		subformat: "monolithicSparse, or streamOptimized: compressed, for import only (default monolithicSparse)",
	},
	values: { subformat: ["monolithicSparse", "streamOptimized"] },
	extensions: [".vmdk"],
	qemuFormat: "vmdk",
	qemuOptions: (option) => ({ subformat: option("subformat") }),
});
