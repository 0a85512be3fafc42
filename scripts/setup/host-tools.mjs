/**
 * The programs of the host that nodebuild runs, and the packages that have them. Data and pure functions only: what is
 * missing and what to do about it is decided here, and done in setup.mjs.
 */

/** @typedef {"debian" | "fedora" | "rhel"} Family families whose packages the set-up knows */
/** @typedef {"start" | "test" | "optional"} Need for every use; for the tests; only for what `use` says */
/**
 * @typedef {object} Tool
 * @property {string} probe a program's name, or an absolute path of a file
 * @property {readonly string[]} [alternatives] absolute paths that serve as well
 * @property {string} use what nodebuild does with it
 * @property {Need} need
 * @property {boolean} [tests] optional, but the tests need it
 * @property {Readonly<Partial<Record<Family, string>>>} packages a family without an entry does not package it
 */

/** @type {readonly Tool[]} */
export const TOOLS = [
	{
		probe: "qemu-system-x86_64",
		alternatives: ["/usr/libexec/qemu-kvm"],
		use: "runs the machines",
		need: "start",
		packages: { debian: "qemu-system-x86", fedora: "qemu-system-x86-core", rhel: "qemu-kvm" },
	},
	{
		probe: "qemu-img",
		use: "writes disks and layers",
		need: "start",
		packages: { debian: "qemu-utils", fedora: "qemu-img", rhel: "qemu-img" },
	},
	{
		probe: "mmdebstrap",
		use: "bootstraps a Debian or Ubuntu base from a package mirror",
		need: "start",
		packages: { debian: "mmdebstrap", fedora: "mmdebstrap" },
	},
	{
		probe: "/usr/share/keyrings/debian-archive-keyring.gpg",
		use: "checks Debian's signatures when a base is bootstrapped",
		need: "start",
		packages: { debian: "debian-archive-keyring", fedora: "debian-keyring" },
	},
	{
		probe: "sfdisk",
		use: "partitions a bootstrapped base",
		need: "start",
		packages: { debian: "fdisk", fedora: "util-linux", rhel: "util-linux" },
	},
	{
		probe: "mke2fs",
		use: "makes the file system of a bootstrapped base",
		need: "start",
		packages: { debian: "e2fsprogs", fedora: "e2fsprogs", rhel: "e2fsprogs" },
	},
	{
		probe: "mcopy",
		use: "makes and fills the EFI partition and the cloud-init seed",
		need: "start",
		packages: { debian: "mtools", fedora: "mtools", rhel: "mtools" },
	},
	{
		probe: "setpriv",
		use: "ends a machine when nodebuild is killed",
		need: "start",
		packages: { debian: "util-linux", fedora: "util-linux", rhel: "util-linux" },
	},
	{
		probe: "gpgv",
		use: "checks the vendors' signatures of cloud images",
		need: "start",
		packages: { debian: "gpgv", fedora: "gnupg2", rhel: "gnupg2" },
	},
	{
		probe: "getfattr",
		use: "reads the extended attributes of the files that COPY takes",
		need: "start",
		packages: { debian: "attr", fedora: "attr", rhel: "attr" },
	},
	{
		probe: "zstd",
		use: "compresses what is cold in the store",
		need: "start",
		packages: { debian: "zstd", fedora: "zstd", rhel: "zstd" },
	},
	{
		probe: "git",
		use: "fetches the repositories that ADD names",
		need: "optional",
		packages: { debian: "git", fedora: "git", rhel: "git" },
	},
	{
		probe: "/usr/share/OVMF",
		alternatives: ["/usr/share/edk2/ovmf", "/usr/share/edk2/x64"],
		use: "boots an image with UEFI firmware",
		need: "test",
		packages: { debian: "ovmf", fedora: "edk2-ovmf", rhel: "edk2-ovmf" },
	},
	{
		probe: "xz",
		use: "reads .tar.xz archives that ADD unpacks",
		need: "test",
		packages: { debian: "xz-utils", fedora: "xz", rhel: "xz" },
	},
	{
		probe: "bzip2",
		use: "reads .tar.bz2 archives that ADD unpacks",
		need: "test",
		packages: { debian: "bzip2", fedora: "bzip2", rhel: "bzip2" },
	},
	{
		probe: "/usr/bin/python3",
		use: "runs the program that waits in frozen machines, for its tests",
		need: "test",
		packages: { debian: "python3", fedora: "python3", rhel: "python3" },
	},
	{
		probe: "ssh",
		use: "connects Ansible with the machine",
		need: "optional",
		tests: true,
		packages: { debian: "openssh-client", fedora: "openssh-clients", rhel: "openssh-clients" },
	},
	{
		probe: "ansible-playbook",
		use: "runs the Ansible roles that a build names",
		need: "optional",
		tests: true,
		packages: { debian: "ansible-core", fedora: "ansible-core", rhel: "ansible-core" },
	},
	{
		probe: "newuidmap",
		use: "bootstraps a base without root",
		need: "optional",
		packages: { debian: "uidmap", fedora: "shadow-utils", rhel: "shadow-utils" },
	},
];

/**
 * The settings of an os-release file (freedesktop.org, os-release(5)).
 * @param {string} text
 * @returns {Record<string, string>}
 */
export function parseOsRelease(text) {
	/** @type {Record<string, string>} */
	const settings = {};
	for (const line of text.split("\n")) {
		const match = /^\s*([A-Z0-9_]+)=(.*)$/.exec(line);
		if (match === null) continue;
		const value = (match[2] ?? "").trim();
		settings[match[1] ?? ""] = value.replace(/^(["'])(.*)\1$/, "$2").replace(/\\(["'$`\\])/g, "$1");
	}
	return settings;
}

/**
 * @param {Record<string, string>} osRelease
 * @returns {Family | undefined}
 */
export function familyOf(osRelease) {
	const names = [osRelease.ID ?? "", ...(osRelease.ID_LIKE ?? "").split(/\s+/)];
	if (names.includes("debian") || names.includes("ubuntu")) return "debian";
	if (osRelease.ID === "fedora") return "fedora";
	// Amazon Linux calls itself like Fedora, and packages no QEMU.
	if (osRelease.ID === "amzn") return undefined;
	if (names.includes("rhel") || names.includes("centos")) return "rhel";
	return names.includes("fedora") ? "fedora" : undefined;
}

/**
 * What this machine lacks. A tool that the family does not package is optional there: nothing could install it.
 * @param {object} request
 * @param {(tool: Tool) => boolean} request.has
 * @param {boolean} request.forTests
 * @param {Family | undefined} request.family
 * @returns {{ needed: Tool[]; optional: Tool[] }}
 */
export function missingTools({ has, forTests, family }) {
	/** @type {Tool[]} */
	const needed = [];
	/** @type {Tool[]} */
	const optional = [];
	for (const tool of TOOLS) {
		if (has(tool)) continue;
		const wanted = tool.need === "start" || (forTests && (tool.need === "test" || tool.tests === true));
		if (tool.need === "test" && !forTests) continue;
		const packaged = family === undefined || tool.packages[family] !== undefined;
		(wanted && packaged ? needed : optional).push(tool);
	}
	return { needed, optional };
}

/**
 * Packages that have the tools, each named once.
 * @param {readonly Tool[]} tools
 * @param {Family} family
 */
export function packagesOf(tools, family) {
	return [...new Set(tools.flatMap((tool) => tool.packages[family] ?? []))];
}

/** @param {readonly Tool[]} tools @param {Family | undefined} family */
export function describeTools(tools, family) {
	return tools.map((tool) => {
		const name = family === undefined ? tool.packages.debian : tool.packages[family];
		const where =
			name === undefined ? "not packaged here" : `package ${name}${family === undefined ? " on Debian" : ""}`;
		return `  ${tool.probe}: ${tool.use} (${where})`;
	});
}
