/** The reference build with Packer's qemu builder: a machine is booted, provisioned over SSH and powered off. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ACCOUNT, CONFIGURE, INSTALL, message } from "../workload.mjs";
import { lacking, run } from "./run.mjs";

/** @param {string} folder @param {string} base qcow2 */
export function packer(folder, base) {
	const own = join(folder, "packer");
	const qemu = process.env.NODEBUILD_QEMU ?? "qemu-system-x86_64";
	return {
		name: "packer",
		lacks: () => lacking("packer", "qemu-img", "xorriso", "ssh-keygen"),
		prepare() {
			mkdirSync(join(own, "seed"), { recursive: true });
			run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(own, "key")]);
			const key = readFileSync(join(own, "key.pub"), "utf8").trim();
			const user = { disable_root: false, users: [{ name: "root", ssh_authorized_keys: [key] }] };
			writeFileSync(join(own, "seed/user-data"), `#cloud-config\n${JSON.stringify(user)}\n`);
			writeFileSync(join(own, "seed/meta-data"), '{"instance-id":"packer","local-hostname":"packer"}\n');
			const files = [join(own, "seed/user-data"), join(own, "seed/meta-data")];
			run("xorriso", ["-as", "mkisofs", "-quiet", "-V", "cidata", "-J", "-r", "-o", join(own, "seed.iso"), ...files]);
		},
		forget() {},
		/** @param {import("../workload.mjs").Workload} workload */
		build({ context, motd }) {
			rmSync(join(own, "out"), { recursive: true, force: true });
			// One archive: its file provisioner takes far longer for 2,000 files.
			run("tar", ["-C", context, "-cf", join(own, "app.tar"), "app"]);
			writeFileSync(join(own, "template.json"), JSON.stringify(template(own, base, qemu, motd)));
			run("packer", ["build", "-color=false", "template.json"], {
				cwd: own,
				env: { PACKER_CACHE_DIR: join(own, "cache"), CHECKPOINT_DISABLE: "1", PACKER_CONFIG_DIR: own },
			});
		},
		remove: () => rmSync(own, { recursive: true, force: true }),
	};
}

/** @param {string} own @param {string} base @param {string} qemu @param {string} motd */
function template(own, base, qemu, motd) {
	const builder = {
		...{ type: "qemu", accelerator: "tcg", headless: true, qemu_binary: qemu, machine_type: "q35" },
		...{ disk_image: true, use_backing_file: true, iso_url: base, iso_checksum: "none", format: "qcow2" },
		...{ qemu_img_args: { create: ["-F", "qcow2"] }, disk_size: "10G", memory: 1024, cpus: 2 },
		...{ output_directory: "out", vm_name: "disk.qcow2", shutdown_command: "poweroff", net_device: "virtio-net" },
		...{ ssh_username: "root", ssh_private_key_file: join(own, "key"), ssh_timeout: "10m" },
		qemuargs: [
			["-cpu", "EPYC,family=16"],
			["-drive", "file=out/disk.qcow2,if=virtio,cache=unsafe,discard=unmap,format=qcow2"],
			["-drive", "file=seed.iso,if=virtio,media=cdrom,format=raw"],
		],
	};
	const provisioners = [
		{ type: "shell", inline: ["cloud-init status --wait >/dev/null", INSTALL] },
		{ type: "file", source: "app.tar", destination: "/tmp/app.tar" },
		{ type: "shell", inline: ["tar -C /opt -xf /tmp/app.tar --no-same-owner && rm /tmp/app.tar"] },
		{ type: "shell", inline: [CONFIGURE] },
		{ type: "shell", inline: [ACCOUNT] },
		{ type: "shell", inline: [message(motd)] },
	];
	return { builders: [builder], provisioners };
}
