/** Git addresses as sources of ADD (moby/buildkit frontend/dockerfile/dfgitutil and util/gitutil). */

export interface GitRef {
	/** For git itself: without the fragment and our query. */
	readonly remote: string;
	/** Branch, tag, commit or full name; undefined: the default branch. */
	readonly ref?: string;
	readonly subdir?: string;
	/** The commit, or how it begins. */
	readonly checksum?: string;
	readonly keepGitDir?: boolean;
	readonly submodules?: boolean;
}

type Draft = { -readonly [K in keyof GitRef]: GitRef[K] };

export class GitRefError extends Error {
	override readonly name = "GitRefError";
}

const PROTOCOL = /^([a-zA-Z0-9]+):\/\//;
/** user@host:path, as ssh takes it. */
const SCP = /^[a-zA-Z0-9-_]+@[a-zA-Z0-9-.]+:[^#?]*(?:\?[^#]*)?(?:#.*)?$/;

/**
 * Undefined for what is no git address: a path, or an http address whose path does not end in .git.
 * @throws GitRefError for one whose query makes no sense.
 */
export function parseGitRef(source: string): GitRef | undefined {
	if (/^\.\.?\//.test(source)) return undefined;
	const protocol = PROTOCOL.exec(source)?.[1]?.toLowerCase();
	if (protocol === undefined ? !SCP.test(source) : !["http", "https", "ssh", "git"].includes(protocol))
		return undefined;
	const [beforeFragment = "", fragment] = cut(source, "#");
	const [address = "", query] = cut(beforeFragment, "?");
	if (protocol?.startsWith("http") === true && !address.endsWith(".git")) return undefined;
	const [ref, subdir] = cut(fragment ?? "", ":");
	const draft: Draft = {
		remote: address,
		...(ref === undefined || ref === "" ? {} : { ref }),
		...(subdir === undefined || subdir === "" ? {} : { subdir }),
	};
	if (query !== undefined) readQuery(draft, new URLSearchParams(query));
	// git would take it for an option of its own.
	if (draft.ref?.startsWith("-") === true || /^-|@-/.test(address))
		throw new GitRefError(`"${draft.ref ?? address}" begins with a dash`);
	return draft;
}

function cut(text: string, separator: string): [string, string | undefined] {
	const at = text.indexOf(separator);
	return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

function readQuery(draft: Draft, query: URLSearchParams): void {
	for (const key of new Set(query.keys())) {
		const [value = "", ...others] = query.getAll(key);
		if (others.length > 0) throw new GitRefError(`query "${key}" has multiple values`);
		const isSwitch = key === "submodules" || key === "keep-git-dir";
		if (value === "" && !isSwitch) throw new GitRefError(`query "${key}" has no value`);
		readPair(draft, key, value);
	}
	const [tag, branch] = [query.get("tag"), query.get("branch")];
	if (tag !== null && branch !== null) throw new GitRefError("branch conflicts with tag");
	if (tag !== null) set(draft, "ref", withPrefix("refs/tags/", tag));
	if (branch !== null) set(draft, "ref", withPrefix("refs/heads/", branch));
}

function readPair(draft: Draft, key: string, value: string): void {
	switch (key) {
		case "ref":
		case "subdir":
			set(draft, key, value);
			return;
		case "tag":
		case "branch":
			return;
		case "checksum":
		case "commit":
			draft.checksum = value;
			return;
		case "keep-git-dir":
			draft.keepGitDir = booleanOf(key, value);
			return;
		case "submodules":
			draft.submodules = booleanOf(key, value);
			return;
		default:
			throw new GitRefError(`unexpected query "${key}"`);
	}
}

function set(draft: Draft, key: "ref" | "subdir", value: string): void {
	if (draft[key] !== undefined && draft[key] !== value)
		throw new GitRefError(`${key} conflicts: "${draft[key]}" vs "${value}"`);
	draft[key] = value;
}

function withPrefix(prefix: string, name: string): string {
	return name.startsWith(prefix) ? name : prefix + name;
}

/** Go's strconv.ParseBool; nothing means yes. */
function booleanOf(key: string, value: string): boolean {
	if (/^(|1|t|T|TRUE|true|True)$/.test(value)) return true;
	if (/^(0|f|F|FALSE|false|False)$/.test(value)) return false;
	throw new GitRefError(`invalid ${key} value: "${value}"`);
}
