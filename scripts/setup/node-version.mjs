/** The oldest Node.js that runs nodebuild; the same as "engines" in package.json. */
export const OLDEST_NODE = "20.19.0";

/**
 * @param {string} version as in process.versions.node
 * @returns {string | undefined} what is wrong with it, if anything
 */
export function nodeVersionProblem(version) {
	const [major = 0, minor = 0] = version.split(".").map(Number);
	const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE.split(".").map(Number);
	if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined;
	return `expected Node.js ${OLDEST_NODE} or newer, got ${version} (${process.execPath}): install a newer one from your distribution or nodejs.org`;
}
