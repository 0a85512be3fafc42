/** The set-up's three parts in order: npm packages, the compiled program, the host's packages. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeTools, familyOf, missingTools, packagesOf, parseOsRelease } from "./host-tools.mjs";
import { needsNpmPackages, rememberNpmPackages } from "./npm-packages.mjs";
import {
	aptInstallCommands,
	aptUpdateCommand,
	commandForPeople,
	dnfInstallCommands,
	elevation,
	readAptPolicy,
} from "./package-manager.mjs";
import { needsCompiling } from "./sources.mjs";

/** @typedef {import("./host-tools.mjs").Tool} Tool */
/** @typedef {import("./host-tools.mjs").Family} Family */

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Whether the tests are to run, which need more than a build does. */
export const forTests = process.argv.includes("--test");

/** Something the user has to do; its text is the whole message. */
class SetupProblem extends Error {}

/** @param {string} line */
const say = (line) => console.log(`setup: ${line}`);

/**
 * @param {readonly string[]} command
 * @returns {boolean} whether it ended well
 */
function runs(command) {
	const [file = "", ...args] = command;
	return spawnSync(file, args, { cwd: root, stdio: "inherit" }).status === 0;
}

/** @param {string} path */
function requireWritable(path) {
	try {
		accessSync(path, constants.W_OK);
	} catch {
		throw new SetupProblem(
			`expected to write to ${path}, but it is read-only for this user: work on a copy of the folder that is yours`,
		);
	}
}

function ensureNpmPackages() {
	if (!needsNpmPackages(root)) {
		if (existsSync(join(root, "package-lock.json")) && isWritable(join(root, "node_modules")))
			rememberNpmPackages(root);
		return;
	}
	requireWritable(root);
	say("installing the npm packages of package-lock.json (npm ci)");
	const npm = process.env.npm_execpath;
	const command = npm?.endsWith(".js") === true ? [process.execPath, npm] : ["npm"];
	// Install scripts only build optional native parts, which nothing here needs.
	const options = ["--ignore-scripts", "--include=dev", "--include=optional", "--no-fund", "--no-audit"];
	if (!runs([...command, "ci", ...options, "--loglevel=error"])) {
		throw new SetupProblem(
			"npm ci failed (its message is above): check the registry and proxy that `npm config ls` shows, then run this again",
		);
	}
	rememberNpmPackages(root);
}

/** @param {string} path */
function isWritable(path) {
	try {
		accessSync(path, constants.W_OK);
		return true;
	} catch {
		return false;
	}
}

function ensureCompiled() {
	if (!needsCompiling(root)) return;
	requireWritable(root);
	say("compiling src to dist");
	if (!runs([process.execPath, join(root, "scripts/build.mjs")])) {
		throw new SetupProblem("compiling failed (its message is above)");
	}
}

/** Root's folders are searched as well: that is where Debian keeps mke2fs and sfdisk, and a user's PATH lacks them. */
const searchPath = [...new Set([...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"])];

/** @param {Tool} tool */
function isPresent(tool) {
	const { NODEBUILD_QEMU } = process.env;
	if (tool.probe.startsWith("qemu-system-") && NODEBUILD_QEMU !== undefined && existsSync(NODEBUILD_QEMU)) return true;
	if (tool.alternatives?.some((path) => existsSync(path)) === true) return true;
	if (isAbsolute(tool.probe)) return existsSync(tool.probe);
	return searchPath.some((folder) => folder !== "" && existsSync(join(folder, tool.probe)));
}

function readOsRelease() {
	const file = ["/etc/os-release", "/usr/lib/os-release"].find((path) => existsSync(path));
	return file === undefined ? {} : parseOsRelease(readFileSync(file, "utf8"));
}

/** @param {readonly string[]} names @param {string | undefined} codename */
function askApt(names, codename) {
	const env = { ...process.env, LC_ALL: "C" };
	const { stdout } = spawnSync("apt-cache", ["policy", ...names], { encoding: "utf8", env });
	return readAptPolicy(stdout ?? "", codename);
}

/**
 * @param {readonly string[]} needed
 * @param {readonly string[]} optional
 * @param {readonly string[]} prefix
 * @param {string | undefined} codename
 */
function installWithApt(needed, optional, prefix, codename) {
	const names = [...needed, ...optional];
	let offer = askApt(names, codename);
	let updated = false;
	const update = () => {
		updated = true;
		say("reading apt's package lists (apt-get update)");
		runs([...prefix, ...aptUpdateCommand()]);
		offer = askApt(names, codename);
	};
	if (!needed.every((name) => offer.available.has(name))) update();
	const absent = needed.filter((name) => !offer.available.has(name));
	if (absent.length > 0) {
		throw new SetupProblem(
			`apt's sources on this host offer no package named ${absent.join(", ")} (on Ubuntu they are in "universe")`,
		);
	}
	const install = () => {
		const wanted = names.filter((name) => offer.available.has(name));
		return aptInstallCommands(wanted, offer.backports).every((command) => runs([...prefix, ...command]));
	};
	if (install()) return true;
	// Old package lists name files that the mirror no longer has.
	if (updated) return false;
	update();
	return install();
}

function ensureHostTools() {
	const osRelease = readOsRelease();
	const family = familyOf(osRelease);
	const missing = missingTools({ has: isPresent, forTests, family });
	if (missing.needed.length === 0) return;
	const list = describeTools(missing.needed, family).join("\n");
	if (family === undefined) {
		const name = osRelease.PRETTY_NAME ?? process.platform;
		throw new SetupProblem(
			`expected Debian, Ubuntu, Fedora or an RHEL-like host, got ${name}: install what has these programs yourself\n${list}`,
		);
	}
	const needed = packagesOf(missing.needed, family);
	const optional = packagesOf(missing.optional, family);
	const advice = `install them with\n  ${commandForPeople(family, needed)}`;
	if (process.env.NODEBUILD_NO_INSTALL === "1") {
		throw new SetupProblem(
			`these programs are missing, and NODEBUILD_NO_INSTALL=1 forbids installing:\n${list}\n${advice}`,
		);
	}
	const prefix = elevation({
		uid: process.getuid?.() ?? -1,
		sudoWorks: () => spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0,
	});
	if (prefix === undefined) {
		throw new SetupProblem(
			`these programs are missing, and this user may install nothing (not root, no passwordless sudo):\n${list}\n${advice}`,
		);
	}
	say(`installing host packages: ${[...needed, ...optional].join(" ")}`);
	const installed =
		family === "debian"
			? installWithApt(needed, optional, prefix, osRelease.VERSION_CODENAME)
			: dnfInstallCommands([...needed, ...optional]).every((command) => runs([...prefix, ...command]));
	const still = missingTools({ has: isPresent, forTests, family }).needed;
	if (!installed || still.length > 0) {
		throw new SetupProblem(
			`the host packages could not all be installed (messages above):\n${describeTools(still, family).join("\n")}\n${advice}`,
		);
	}
}

/** @param {() => void} part @returns {boolean} whether it went well; what the user has to do is printed */
function attempt(part) {
	try {
		part();
		return true;
	} catch (error) {
		const denied =
			error instanceof Error && "code" in error && ["EACCES", "EROFS", "EPERM"].includes(String(error.code));
		if (!(error instanceof SetupProblem) && !denied) throw error;
		console.error(`setup: ${/** @type {Error} */ (error).message}`);
		return false;
	}
}

/** @returns {boolean} whether everything is there */
export function setUp() {
	// The host's part does not need the others: whoever has to act learns of everything at once.
	const compiled = attempt(ensureNpmPackages) && attempt(ensureCompiled);
	return attempt(ensureHostTools) && compiled;
}
