/** Whether node_modules is what package-lock.json says. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const MARKER = "node_modules/.nodebuild-lock";

/** Native binaries come with some packages, so node_modules copied from another kind of machine is not good enough. */
const PLATFORM = `${process.platform} ${process.arch} `;

/** @param {string} lockText package-lock.json */
function markerFor(lockText) {
	return PLATFORM + createHash("sha256").update(lockText).digest("hex");
}

/**
 * Whether npm's own record of an installation has every package of the lock in the locked version. Optional packages
 * for other platforms may be absent.
 * @param {{ packages?: Record<string, { version?: string; optional?: boolean }> }} lock package-lock.json
 * @param {{ packages?: Record<string, { version?: string }> }} installed node_modules/.package-lock.json
 */
export function installedMatchesLock(lock, installed) {
	return Object.entries(lock.packages ?? {}).every(([path, locked]) => {
		if (path === "") return true;
		const found = installed.packages?.[path];
		return found === undefined ? locked.optional === true : found.version === locked.version;
	});
}

/**
 * Whether `npm ci` has to run. Reads two small files when it does not.
 * @param {string} root
 */
export function needsNpmPackages(root) {
	const lockFile = join(root, "package-lock.json");
	if (!existsSync(lockFile)) return false;
	const lockText = readFileSync(lockFile, "utf8");
	const marker = readMarker(root);
	if (marker === markerFor(lockText)) return false;
	if (marker?.startsWith(PLATFORM) === false) return true;
	// Installed by hand with npm: nothing to repeat, unless it is something else.
	const record = join(root, "node_modules/.package-lock.json");
	return !existsSync(record) || !installedMatchesLock(JSON.parse(lockText), JSON.parse(readFileSync(record, "utf8")));
}

/** @param {string} root */
function readMarker(root) {
	const file = join(root, MARKER);
	return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** @param {string} root */
export function rememberNpmPackages(root) {
	const marker = markerFor(readFileSync(join(root, "package-lock.json"), "utf8"));
	if (readMarker(root) !== marker) writeFileSync(join(root, MARKER), marker);
}
