/** Where the files of a COPY or ADD come from: context, stage, image, address on the net. */
import type { Digest } from "../../digest.ts";
import type { CopyInstruction } from "../../instructions/types.ts";
import type { CopyOrigin } from "../types.ts";
import { invalid, type LowerContext } from "./context.ts";

/** A COPY or ADD whose words are expanded. */
export type Expanded = CopyInstruction;

/**
 * BuildKit's dfgitutil: git@host:path, git:// and ssh:// addresses, and http(s) ones whose path
 * ends in .git.
 */
function isGit(source: string): boolean {
	if (/^(git|ssh):\/\//.test(source)) return true;
	if (/^https?:\/\//.test(source)) return (source.split(/[?#]/)[0] ?? "").endsWith(".git");
	return /^[A-Za-z0-9_-]+@[A-Za-z0-9.-]+:/.test(source);
}

const isHttp = (source: string): boolean => /^https?:\/\//.test(source) && !isGit(source);

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
	const git = isGit(source);
	if (!git && !isHttp(source)) return undefined;
	if (copy.kind === "copy")
		throw invalid(
			context.at,
			`expected a path as source of COPY, got ${git ? "a git address" : "a URL"} "${source}"`,
			"ADD takes addresses.",
		);
	if (git) {
		const checksum = copy.checksum ? { checksum: copy.checksum } : {};
		return { kind: "git", url: source, keepGitDir: copy.keepGitDir, ...checksum };
	}
	const checksum = copy.checksum ? { checksum: digestArgument(copy.checksum, context) } : {};
	return { kind: "url", url: source, ...checksum, ...(copy.unpack === true ? { unpack: true } : {}) };
}

function checkChecksum(copy: Expanded, context: LowerContext): void {
	if (!copy.checksum) return;
	const [source = ""] = copy.sources;
	if (copy.kind === "copy") throw invalid(context.at, "checksum can't be specified for COPY", "ADD takes --checksum.");
	if (copy.sources.length !== 1)
		throw invalid(context.at, `expected one source with --checksum, got ${copy.sources.length}`, "Write one ADD each.");
	if (!isGit(source) && !isHttp(source))
		throw invalid(context.at, `expected an HTTP(S) or git source with --checksum, got "${source}"`);
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;

function digestArgument(text: string, context: LowerContext): Digest {
	if (isDigest(text)) return text;
	throw invalid(context.at, `expected --checksum=sha256:<64 hex digits>, got "${text}"`);
}

function isDigest(text: string): text is Digest {
	return DIGEST.test(text);
}
