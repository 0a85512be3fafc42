/** The commands that install host packages, as data: which are run is decided here, they are run in setup.mjs. */

/** Packages for which a newer version from backports pays: without KVM, QEMU 10 is several times faster than 7.2. */
const QEMU_PACKAGES = new Set(["qemu-system-x86", "qemu-utils"]);

/**
 * What apt would install: the names that have a candidate, and the host's backports suite if it offers QEMU there.
 * @param {string} policy output of `apt-cache policy NAME...` in the C locale
 * @param {string | undefined} codename VERSION_CODENAME of os-release
 * @returns {{ available: Set<string>; backports: string | undefined }}
 */
export function readAptPolicy(policy, codename) {
	/** @type {Set<string>} */
	const available = new Set();
	let backports;
	let name = "";
	for (const line of policy.split("\n")) {
		const heading = /^(\S+):$/.exec(line);
		if (heading !== null) name = heading[1] ?? "";
		const candidate = /^ {2}Candidate: (.+)$/.exec(line)?.[1];
		if (candidate !== undefined && candidate !== "(none)") available.add(name);
		if (codename !== undefined && QEMU_PACKAGES.has(name) && line.includes(` ${codename}-backports/`)) {
			backports = `${codename}-backports`;
		}
	}
	return { available, backports };
}

/**
 * @param {readonly string[]} packages
 * @param {string | undefined} backports suite to take QEMU from
 * @returns {string[][]}
 */
export function aptInstallCommands(packages, backports) {
	const qemu = backports === undefined ? [] : packages.filter((name) => QEMU_PACKAGES.has(name));
	const others = packages.filter((name) => !qemu.includes(name));
	const commands = [];
	if (qemu.length > 0) commands.push([...aptGet("install"), "-t", String(backports), ...qemu]);
	if (others.length > 0) commands.push([...aptGet("install"), ...others]);
	return commands;
}

export function aptUpdateCommand() {
	return aptGet("update");
}

/** @param {"install" | "update"} verb */
function aptGet(verb) {
	const options = verb === "install" ? ["--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"] : [];
	return ["env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "apt-get", "-q", verb, ...options];
}

/**
 * @param {readonly string[]} packages
 * @returns {string[][]}
 */
export function dnfInstallCommands(packages) {
	return packages.length === 0 ? [] : [["dnf", "install", "-y", "--setopt=install_weak_deps=False", ...packages]];
}

/**
 * The command as a person would type it, for the message when the set-up may not run it.
 * @param {import("./host-tools.mjs").Family} family
 * @param {readonly string[]} packages
 */
export function commandForPeople(family, packages) {
	const install = family === "debian" ? "apt-get install --no-install-recommends" : "dnf install";
	return `sudo ${install} ${packages.join(" ")}`;
}

/**
 * What to put before a command that needs root; undefined when there is no right to run it.
 * @param {{ uid: number; sudoWorks: () => boolean }} host
 * @returns {readonly string[] | undefined}
 */
export function elevation({ uid, sudoWorks }) {
	if (uid === 0) return [];
	return sudoWorks() ? ["sudo", "-n"] : undefined;
}
