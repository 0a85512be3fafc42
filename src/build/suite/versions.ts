/** goss's semver-constraint: versions and ranges as github.com/blang/semver has them. */
import semver from "semver";

/**
 * Whether all of some versions are in a range, such as `>1.0.0 <2.0.0 !=1.5.0 || 3.0.0`; undefined: no range. Of what are
 * no versions the answer is undefined.
 */
export function satisfiesAll(constraint: string): ((versions: readonly string[]) => boolean | undefined) | undefined {
	const alternatives = constraint.split("||").map(alternative);
	const tests = alternatives.filter((test) => test !== undefined);
	if (tests.length < alternatives.length) return undefined;
	return (texts) => {
		const versions = texts.map(versionOf).filter((version) => version !== undefined);
		if (versions.length === 0 || versions.length < texts.length) return undefined;
		return versions.every((version) => tests.some((test) => test(version)));
	};
}

/** As strict as goss, but that what distributions add is no part of it: an epoch, and "~" for what comes before a release. */
function versionOf(text: string): semver.SemVer | undefined {
	const plain = text.replace(/^\d+:/, "").replaceAll("~", "-");
	return /^\d\S*$/.test(plain) ? (semver.parse(plain) ?? undefined) : undefined;
}

function alternative(text: string): ((version: semver.SemVer) => boolean) | undefined {
	// npm's, which goss does not know: "^1.2", "~1.2", "1.2 - 1.4", and nothing for everything.
	if (/[~^]|\s-\s/.test(text) || text.trim() === "") return undefined;
	// npm's ranges have no "!=".
	const excluded = [...text.matchAll(/!=?\s*([^\s<>=!|]+)/g)].map(([, version = ""]) => version);
	const range = text.replace(/!=?\s*[^\s<>=!|]+/g, " ").replace(/==/g, "=");
	if (!semver.validRange(range) || excluded.some((version) => !semver.valid(version))) return undefined;
	return (version) =>
		semver.satisfies(version, range, { includePrerelease: true }) &&
		!excluded.some((other) => semver.eq(version, other));
}
