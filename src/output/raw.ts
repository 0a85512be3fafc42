/** `-o type=raw,dest=node.img` */
import { convertedFormat } from "./convert.ts";

export const rawOutput = convertedFormat({
	type: "raw",
	description: "the bare bytes of the disk, written sparse (dd, Firecracker, most clouds' import)",
	options: {},
	values: {},
	extensions: [".raw", ".img"],
	qemuFormat: "raw",
});
