/** The reference build with virt-customize: an appliance of libguestfs changes the disk, the guest never boots. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ACCOUNT, CONFIGURE, INSTALL, message } from "../workload.mjs";
import { lacking, run } from "./run.mjs";

/** @param {string} folder @param {string} base qcow2 */
export function virtCustomize(folder, base) {
	const disk = join(folder, "virt-customize/disk.qcow2");
	return {
		name: "virt-customize",
		lacks: () => lacking("virt-customize", "qemu-img"),
		prepare() {
			mkdirSync(join(folder, "virt-customize"), { recursive: true });
		},
		forget() {},
		/** @param {import("../workload.mjs").Workload} workload */
		build({ context, motd }) {
			const overlay = `${disk}.overlay`;
			run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", overlay]);
			const steps = [
				...["--run-command", INSTALL, "--copy-in", `${join(context, "app")}:/opt`],
				...["--run-command", CONFIGURE, "--run-command", ACCOUNT, "--run-command", message(motd)],
			];
			run("virt-customize", ["-q", "-a", overlay, "--memsize", "1024", "--smp", "2", ...steps], {
				// A /dev/kvm that is there and does not work would end it.
				env: { LIBGUESTFS_BACKEND: "direct", LIBGUESTFS_BACKEND_SETTINGS: "force_tcg" },
			});
			run("qemu-img", ["convert", "-O", "qcow2", overlay, disk]);
			rmSync(overlay);
		},
		remove: () => rmSync(join(folder, "virt-customize"), { recursive: true, force: true }),
	};
}
