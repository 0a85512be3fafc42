/** goss's semver-constraint: ranges as github.com/blang/semver has them. */
import semver from "semver";

/** Whether all of some versions are in a range, such as `>1.0.0 <2.0.0 !=1.5.0 || 3.0.0`; undefined: no range. */
export function satisfiesAll(constraint: string): ((versions: readonly string[]) => boolean) | undefined {
	const alternatives = constraint.split("||").map(alternative);
	const tests = alternatives.filter((test) => test !== undefined);
	if (tests.length < alternatives.length) return undefined;
	return (versions) =>
		versions.length > 0 &&
		versions.every((text) => {
			const version = semver.coerce(text, { includePrerelease: true });
			return version !== null && tests.some((test) => test(version));
		});
}

function alternative(text: string): ((version: semver.SemVer) => boolean) | undefined {
	// npm's ranges have no "!=".
	const excluded = [...text.matchAll(/!=?\s*([^\s<>=!|]+)/g)].map(([, version = ""]) => version);
	const range = text.replace(/!=?\s*[^\s<>=!|]+/g, " ").replace(/==/g, "=");
	if (!semver.validRange(range) || excluded.some((version) => !semver.valid(version))) return undefined;
	return (version) =>
		semver.satisfies(version, range, { includePrerelease: true }) &&
		!excluded.some((other) => semver.eq(version, other));
}
