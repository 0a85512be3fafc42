/** Where the files of a COPY or ADD come from: context, stage, image, address on the net. */
import type { Digest } from "../../digest.ts";
import type { CopyInstruction } from "../../instructions/types.ts";
import type { CopyOrigin } from "../types.ts";
import { invalid, type LowerContext } from "./context.ts";
import { type GitRef, GitRefError, parseGitRef } from "./git-ref.ts";

/** A COPY or ADD whose words are expanded. */
export type Expanded = CopyInstruction;

const isHttp = (source: string): boolean => /^https?:\/\//.test(source);

/** Undefined for what is no git address. */
function gitRef(source: string, context: LowerContext): GitRef | undefined {
	try {
		return parseGitRef(source);
	} catch (error) {
		if (!(error instanceof GitRefError)) throw error;
		throw invalid(context.at, `expected a git address, got "${source}": ${error.message}`, undefined, { part: source });
	}
}

/** Origins in the order of the sources; neighbouring paths of one place are one origin. */
export function originsOf(copy: Expanded, context: LowerContext): CopyOrigin[] {
	checkChecksum(copy, context);
	const origins: CopyOrigin[] = [];
	let paths: string[] = [];
	const flush = () => {
		if (paths.length > 0) origins.push(local(paths, context));
		paths = [];
	};
	for (const source of copy.sources) {
		const remote = remoteOrigin(source, copy, context);
		if (remote === undefined) {
			paths.push(source);
		} else {
			flush();
			origins.push(remote);
		}
	}
	flush();
	return origins;
}

function local(paths: readonly string[], context: LowerContext): CopyOrigin {
	const source = context.sources[0];
	return source === undefined ? { kind: "context", paths } : { ...source, paths };
}

function remoteOrigin(source: string, copy: Expanded, context: LowerContext): CopyOrigin | undefined {
	const git = gitRef(source, context);
	if (git === undefined && !isHttp(source)) return undefined;
	if (copy.kind === "copy")
		throw invalid(
			context.at,
			`expected a path as source of COPY, got ${git !== undefined ? "a git address" : "a URL"} "${source}"`,
			"ADD takes addresses.",
			{ part: source },
		);
	if (git !== undefined) return gitOrigin(git, copy, context);
	const checksum = copy.checksum ? { checksum: digestArgument(copy.checksum, context) } : {};
	return { kind: "url", url: source, ...checksum, ...(copy.unpack === true ? { unpack: true } : {}) };
}

function gitOrigin(git: GitRef, copy: Expanded, context: LowerContext): CopyOrigin {
	const { checksum: inQuery, keepGitDir = copy.keepGitDir, submodules = true, ...rest } = git;
	if (copy.checksum && inQuery !== undefined && copy.checksum !== inQuery)
		throw invalid(context.at, `checksum mismatch "${copy.checksum}" != "${inQuery}"`, "Give it once.");
	const checksum = inQuery ?? copy.checksum;
	return { kind: "git", ...rest, keepGitDir, submodules, ...(checksum ? { checksum } : {}) };
}

function checkChecksum(copy: Expanded, context: LowerContext): void {
	if (!copy.checksum) return;
	const [source = ""] = copy.sources;
	if (copy.kind === "copy")
		throw invalid(context.at, "checksum can't be specified for COPY", "ADD takes --checksum.", { part: "--checksum" });
	if (copy.sources.length !== 1)
		throw invalid(context.at, `expected one source with --checksum, got ${copy.sources.length}`, "Write one ADD each.");
	if (gitRef(source, context) === undefined && !isHttp(source))
		throw invalid(context.at, `expected an HTTP(S) or git source with --checksum, got "${source}"`, undefined, {
			part: source,
		});
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;

function digestArgument(text: string, context: LowerContext): Digest {
	if (isDigest(text)) return text;
	throw invalid(context.at, `expected --checksum=sha256:<64 hex digits>, got "${text}"`, undefined, { part: text });
}

function isDigest(text: string): text is Digest {
	return DIGEST.test(text);
}
