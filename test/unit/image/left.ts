import { BUILD_FILES } from "../../../src/machine/build-files.ts";

/** What a build leaves, and what a row of the table calls it. */
export const LEFT: readonly (readonly [residue: string, files: Readonly<Record<string, string>>])[] = [
	["SSH host keys", { "etc/ssh/ssh_host_ed25519_key": "secret", "etc/ssh/ssh_host_ed25519_key.pub": "public" }],
	["a machine id", { "etc/machine-id": "0123456789abcdef0123456789abcdef\n" }],
	["a D-Bus machine id", { "var/lib/dbus/machine-id": "0123456789abcdef0123456789abcdef\n" }],
	["cloud-init's state", { "var/lib/cloud/instances/nodebuild-1/boot-finished": "" }],
	["cloud-init's network configuration", { "etc/netplan/50-cloud-init.yaml": "network: {}\n" }],
	["cloud-init's network configuration", { "etc/network/interfaces.d/50-cloud-init": "auto ens3\n" }],
	["the build's access", { [BUILD_FILES[0]?.slice(1) ?? ""]: "#!/bin/sh\n" }],
	["a random seed", { "var/lib/systemd/random-seed": "seed" }],
	["package lists", { "var/lib/apt/lists/deb_main_Packages": "x" }],
	["package caches", { "var/cache/apt/archives/a_1.0_all.deb": "x" }],
	["package caches", { "var/cache/dnf/repo/packages/a.rpm": "x" }],
	["logs", { "var/log/journal/id/system.journal": "x" }],
	["logs", { "var/log/app/deep.log": "x" }],
	["logs", { "var/log/dpkg.log": "x" }],
	["temporary files", { "tmp/a/b": "" }],
	["temporary files", { "var/tmp/.hidden": "" }],
	["shell history", { "root/.bash_history": "secret\n" }],
	["shell history", { "home/web/.bash_history": "secret\n" }],
	["the build's resolver", { "etc/resolv.conf": "nameserver 10.0.2.3\n" }],
];
