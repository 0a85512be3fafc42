/**
 * The rules for this repository that no linter knows: names of files, their length, and who may say what.
 * Each check takes the project's folder and returns what it found, one line per finding; none means well.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Longest source file, in lines. The aim is 200. */
export const LONGEST_FILE = 300;

const KEBAB = "[a-z0-9]+(-[a-z0-9]+)*";

/** What names look like, per folder: files by their whole name, folders by theirs. */
const NAMES = [
	{ folder: "src", file: `${KEBAB}\\.ts` },
	{ folder: "test/unit", file: `${KEBAB}(\\.test)?\\.ts` },
	{ folder: "test/e2e", file: `${KEBAB}(\\.test)?\\.ts` },
	{ folder: "test/conformance", file: `${KEBAB}(\\.test)?\\.ts` },
	{ folder: "scripts", file: `${KEBAB}\\.(mjs|cjs|sh)` },
	{ folder: "docs", file: `${KEBAB}\\.(md|svg|png)` },
];

/** Folders below test whose content is data, named by what it is data of. */
const DATA_FOLDERS = /^(golden|fixtures|__snapshots__)$/;

/**
 * Every file below a folder, as paths relative to the project's folder.
 * @param {string} root
 * @param {string} folder
 * @returns {string[]}
 */
function filesBelow(root, folder) {
	if (!existsSync(join(root, folder))) return [];
	return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
		const path = `${folder}/${entry.name}`;
		if (!entry.isDirectory()) return [path];
		return DATA_FOLDERS.test(entry.name) ? [] : filesBelow(root, path);
	});
}

/** @param {string} root @param {string} path */
const read = (root, path) => readFileSync(join(root, path), "utf8");

/** @param {string} root */
export function checkNames(root) {
	return NAMES.flatMap(({ folder, file }) => {
		const pattern = new RegExp(`^${folder}(/${KEBAB})*/${file}$`);
		return filesBelow(root, folder)
			.filter((path) => !pattern.test(path))
			.map((path) => `${path}: expected a name like ${file} in folders like ${KEBAB}`);
	});
}

/** @param {string} root */
export function checkLengths(root) {
	return ["src", "scripts"].flatMap((folder) =>
		filesBelow(root, folder).flatMap((path) => {
			const lines = read(root, path).trimEnd().split("\n").length;
			return lines > LONGEST_FILE
				? [`${path}: expected at most ${LONGEST_FILE} lines, got ${lines}: it is two things`]
				: [];
		}),
	);
}

/** Words that belong to one file: a literal elsewhere would be a second caller. */
const OWNED = [
	{ pattern: /["'`]qemu-img["'`]/, owner: "src/layers/qcow2.ts", what: "calls qemu-img" },
	// Node's own never ends below /proc, deaf to signals.
	{ pattern: /\bmkdir\(.*\brecursive: true/, owner: "src/system/files.ts", what: "makes folders with their parents" },
	{ pattern: /\bprocess\.exit\(/, owner: "src/cli/main.ts", what: "ends the program" },
];

/** @param {string} root */
export function checkOwnership(root) {
	return filesBelow(root, "src").flatMap((path) => {
		const lines = read(root, path).split("\n");
		return OWNED.filter(({ owner }) => owner !== path).flatMap(({ pattern, owner, what }) =>
			lines.flatMap((line, index) =>
				pattern.test(withoutComment(line)) ? [`${path}:${index + 1}: expected only ${owner} to be what ${what}`] : [],
			),
		);
	});
}

/** @param {string} line */
function withoutComment(line) {
	return line.replace(/^\s*(\/\/|\/?\*).*$/, "").replace(/\s\/\/ .*$/, "");
}

/** A test of src lies where its source lies. @param {string} root */
export function checkTestsMirrorSources(root) {
	return filesBelow(root, "test/unit").flatMap((path) => {
		const folder = path.slice("test/unit/".length).split("/").slice(0, -1).join("/");
		const mirrored = /^(scripts|nodefiles)(\/|$)/.test(folder) ? folder : `src/${folder}`;
		return existsSync(join(root, mirrored)) ? [] : [`${path}: expected a folder ${mirrored} that it tests`];
	});
}

/** Every machine has its own registry, so the lock may name none. @param {string} root */
export function checkLockNamesNoRegistry(root) {
	return read(root, "package-lock.json")
		.split("\n")
		.flatMap((line, index) =>
			/"resolved":|https?:\/\/[^"]*\.tgz/.test(line)
				? [`package-lock.json:${index + 1}: expected no address, got ${line.trim()}`]
				: [],
		);
}

/**
 * npm leaves a platform's package out of the lock when the registry at hand lacks it, and then refuses the lock on
 * every other machine.
 * @param {string} root
 */
export function checkLockIsComplete(root) {
	/** @type {Record<string, { version?: string; optionalDependencies?: Record<string, string> }>} */
	const packages = JSON.parse(read(root, "package-lock.json")).packages ?? {};
	return Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
		Object.keys(optionalDependencies)
			.filter((name) => !Object.hasOwn(packages, `node_modules/${name}`))
			.filter((name) => !Object.hasOwn(packages, `${path}/node_modules/${name}`))
			.map((name) => `package-lock.json: expected an entry for ${name}, which ${path} wants on some platform`),
	);
}

/** Dependencies are exact, so that every machine builds the same program. @param {string} root */
export function checkExactVersions(root) {
	const manifest = JSON.parse(read(root, "package.json"));
	return Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
		.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version)))
		.map(([name, version]) => `package.json: expected an exact version of ${name}, got ${version}`);
}

const CHECKS = [
	checkNames,
	checkLengths,
	checkOwnership,
	checkTestsMirrorSources,
	checkLockNamesNoRegistry,
	checkLockIsComplete,
	checkExactVersions,
];

/** @param {string} root */
export function checkSource(root) {
	return CHECKS.flatMap((check) => check(root));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
	const findings = checkSource(process.cwd());
	for (const finding of findings) console.error(finding);
	console.log(`check-source: ${findings.length === 0 ? "no findings" : `${findings.length} findings`}`);
	if (findings.length > 0) process.exitCode = 1;
}
