/** The files of images: a program each, and what Debian's packages bring that it needs. */
import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { run } from "./run.mjs";

/**
 * Debian packages unpacked beside the system's.
 * @param {string} work where the packages are kept @param {string} folder @param {readonly string[]} names
 */
export function unpack(work, folder, names) {
	const debs = join(work, "debs");
	mkdirSync(debs, { recursive: true });
	mkdirSync(folder, { recursive: true });
	const find = (/** @type {string} */ name) => readdirSync(debs).find((file) => file.startsWith(`${name}_`));
	for (const name of names) {
		if (find(name) === undefined) run("apt-get", ["download", "-q", name], { cwd: debs });
		run("dpkg-deb", ["-x", join(debs, find(name) ?? ""), folder]);
	}
	return folder;
}

/** kube-proxy calls these by the names that Debian's alternatives give them. */
const IPTABLES = [
	"libc6",
	"iptables",
	"libip4tc2",
	"libip6tc2",
	"libxtables12",
	"libmnl0",
	"libnftnl11",
	"libnfnetlink0",
	"libnetfilter-conntrack3",
	"conntrack",
];
const LINKS = ["iptables", "ip6tables"].flatMap((name) => [name, `${name}-save`, `${name}-restore`]);

/** Where an image's program lies in it. @param {string} name */
export const programPath = (name) => `/usr/local/bin/${name}`;

/**
 * A folder with the files of an image, made anew.
 * @param {string} work @param {{ name: string, version: string, from: string, real: boolean }} image `from`: the program
 */
export function imageTree(work, { name, version, from, real }) {
	const tree = join(work, "trees", `${name}-${version}`);
	rmSync(tree, { recursive: true, force: true });
	mkdirSync(join(tree, "usr/local/bin"), { recursive: true });
	// etcd, as Debian builds it, is linked to the C library.
	if (real && name === "etcd") unpack(work, tree, ["libc6"]);
	if (real && name === "kube-proxy") {
		unpack(work, tree, IPTABLES);
		for (const link of LINKS) {
			rmSync(join(tree, "usr/sbin", link), { force: true });
			symlinkSync("xtables-nft-multi", join(tree, "usr/sbin", link));
		}
	}
	for (const left of ["usr/share", "usr/lib/x86_64-linux-gnu/gconv"])
		rmSync(join(tree, left), { recursive: true, force: true });
	copyFileSync(from, join(tree, programPath(name)));
	chmodSync(join(tree, programPath(name)), 0o755);
	return tree;
}
