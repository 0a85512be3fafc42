/** `-o type=qcow2,dest=node.qcow2[,compress=true[,compression=zstd]]` */
import { convertedFormat } from "./convert.ts";

export const qcow2Output = convertedFormat({
	type: "qcow2",
	description: "one qcow2 file that stands on nothing (QEMU, libvirt, OpenStack, Proxmox)",
	options: {
		compress: "compress every cluster: smaller, slower to write (default false)",
		compression: "zlib, read by every QEMU, or zstd, faster, read from QEMU 5.1 on (default zlib)",
	},
	values: { compress: ["false", "true"], compression: ["zlib", "zstd"] },
	extensions: [".qcow2"],
	qemuFormat: "qcow2",
	compress: (option) => option("compress") === "true",
	qemuOptions: (option) => ({ compression_type: option("compression") }),
});
