/** `-o type=vhdx,dest=node.vhdx` */
import { convertedFormat } from "./convert.ts";

export const vhdxOutput = convertedFormat({
	type: "vhdx",
	description: "the disk of Hyper-V generation 2",
	options: {},
	values: {},
	extensions: [".vhdx"],
	qemuFormat: "vhdx",
	qemuOptions: () => ({ subformat: "dynamic" }),
});
