/** `-o type=vhd,dest=node.vhd[,subformat=fixed]` */
import { convertedFormat } from "./convert.ts";

export const vhdOutput = convertedFormat({
	type: "vhd",
	description: "the older disk of Hyper-V; Azure takes it when subformat=fixed",
	options: { subformat: "dynamic, or fixed: as large as the disk, holes kept (default dynamic)" },
	values: { subformat: ["dynamic", "fixed"] },
	extensions: [".vhd"],
	qemuFormat: "vpc",
	// Without force_size the size is rounded up to a cylinder, and Azure refuses what is not whole MiB.
	qemuOptions: (option) => ({ subformat: option("subformat"), force_size: "on" }),
});
