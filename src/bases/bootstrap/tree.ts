/** The tree of packages, made by mmdebstrap. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NodebuildError } from "../../errors.ts";
import type { BootstrapSource } from "../../plan/base-map.ts";
import { exists } from "../../system/files.ts";
import { run } from "../../system/process.ts";
import { bootFiles, type RootTree, TOOL_PATH, tool } from "./disk.ts";
import { type FinishRequest, finishScript, fstab } from "./finish.ts";
import type { Mirror } from "./mirror.ts";

/** Makes /bin a link to /usr/bin before anything is unpacked, where the release's packages ask for it. */
const MAYBE_MERGED_USR = "/usr/share/mmdebstrap/hooks/maybe-merged-usr";
/** The same for a release whose own installer does it, although its packages do not ask. */
const MERGE_USR = 'for name in bin sbin lib lib64; do mkdir -p "$1/usr/$name" && ln -s "usr/$name" "$1/$name"; done';

export interface TreeRequest {
	readonly source: BootstrapSource;
	readonly mirror: Mirror;
	readonly finish: FinishRequest;
	readonly architecture: "amd64" | "arm64";
	/** A folder of the caller's, on a file system with room for the tree. */
	readonly folder: string;
	readonly onLine: (line: string) => void;
	readonly signal?: AbortSignal;
	/** Whether this process is root; else user namespaces are used. */
	readonly root: boolean;
}

/**
 * Install the packages into a new tree. As root that is a folder; else mmdebstrap works in a user namespace
 * and gives a tar archive, whose owners only a namespace like it can unpack again.
 * @throws NodebuildError BASE_BOOTSTRAP, HOST_TOOL_MISSING
 */
export async function makeTree(request: TreeRequest): Promise<RootTree> {
	const { folder, source, mirror, root } = request;
	const sources = join(folder, "archive.sources");
	await writeFile(sources, mirror.hostSources);
	const target = join(folder, root ? "root" : "root.tar");
	const packages = [...source.packages, ...(source.architecturePackages[request.architecture] ?? [])];
	const asked = (await exists(MAYBE_MERGED_USR)) ? [`--hook-dir=${MAYBE_MERGED_USR}`] : [];
	const args = [
		`--mode=${root ? "root" : "unshare"}`,
		`--format=${root ? "directory" : "tar"}`,
		// The essential packages and those of priority required: a release may have "mount" or "passwd" in either.
		"--variant=minbase",
		`--architectures=${request.architecture}`,
		`--include=${packages.join(",")}`,
		...(source.mergeUsr === true ? [`--setup-hook=${MERGE_USR}`] : asked),
		// Without an fsync for each file: what is not finished is thrown away anyway. finishScript removes the setting.
		"--dpkgopt=force-unsafe-io",
		`--essential-hook=${shellPrint(fstab(request.finish.identity), '"$1/etc/fstab"')}`,
		// By the environment, since mmdebstrap repeats a hook's text in its messages.
		`--customize-hook=sh -c "$FINISH_IMAGE" finish "$1"`,
		source.suite,
		target,
		sources,
	];
	await mmdebstrap(args, request);
	return root ? asRoot(target, request) : inNamespace(target, request);
}

function shellPrint(text: string, target: string): string {
	return `printf '%s' '${text.replaceAll("'", "'\\''")}' > ${target}`;
}

/**
 * mmdebstrap's workers and mounts (the host's /dev among them) go with it, however it ends: in namespaces of its own,
 * whose first process the kernel kills with unshare(1).
 */
const CONTAINED = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"];

async function mmdebstrap(args: readonly string[], request: TreeRequest): Promise<void> {
	const tail: string[] = [];
	const contained = request.root && (await run("unshare", [...CONTAINED, "true"])).status === 0;
	const [program, words] = contained ? ["unshare", [...CONTAINED, "mmdebstrap", ...args]] : ["mmdebstrap", args];
	const result = await run(program, words, {
		package: "mmdebstrap",
		leashed: true,
		killed: contained,
		env: { LC_ALL: "C.UTF-8", PATH: TOOL_PATH, TMPDIR: request.folder, FINISH_IMAGE: finishScript(request.finish) },
		onLine: (line) => {
			tail.push(line);
			if (tail.length > 40) tail.shift();
			request.onLine(line);
		},
		...(request.signal === undefined ? {} : { signal: request.signal }),
	});
	if (result.status === 0) return;
	throw new NodebuildError({
		code: tail.some((line) => line.includes("No space left")) ? "HOST_DISK_FULL" : "BASE_BOOTSTRAP",
		message: `expected mmdebstrap to install ${request.source.distribution} ${request.source.suite}, got status ${result.status}`,
		hint: hintFor(tail.join("\n")),
		details: tail.slice(-20),
	});
}

/** What mmdebstrap's and apt's known complaints come down to. */
function hintFor(output: string): string {
	if (/No space left/.test(output)) return 'free some space: "nodebuild prune" removes what no image needs';
	if (/NO_PUBKEY|not signed|EXPKEYSIG/.test(output))
		return "the host's archive keyring is too old for this release: update it";
	if (/newuidmap|subuid|unshare|user namespace/i.test(output)) {
		return "without root, mmdebstrap needs user namespaces: install uidmap, have a range in /etc/subuid, or run as root";
	}
	if (/Unable to locate package|has no installation candidate/.test(output)) {
		return "the mirror lacks a package of the base map's list for this release";
	}
	if (/Release file .* is expired/.test(output)) {
		return "the mirror has not been updated for too long; if it is frozen on purpose, say so in the host's apt sources (Check-Valid-Until: no)";
	}
	if (/404 +Not Found/.test(output)) {
		return "the mirror's index names a package that it does not have: it is being updated, or half of the release is gone; try again later, or use another mirror";
	}
	if (/Temporary failure resolving|Could not connect|Failed to fetch/.test(output)) {
		return "the host's package mirror did not answer: does apt-get update work?";
	}
	return "mmdebstrap's own words are above; nothing was kept";
}

function asRoot(tree: string, request: TreeRequest): RootTree {
	return {
		bootFiles: tree,
		makeFileSystem: async (arguments_, disk, size) => {
			await tool("mke2fs", [...arguments_, "-d", tree, disk, size], "e2fsprogs", request);
			await rm(tree, { recursive: true, force: true });
		},
	};
}

/** Unpacks, fills the file system and removes, all within one namespace that has the archive's owners. */
const UNPACK = `set -eu
tar=$1 tree=$2; shift 2
mkdir "$tree"
tar --numeric-owner --xattrs --xattrs-include='*' -xpf "$tar" -C "$tree"
status=0; mke2fs "$@" || status=$?
rm -rf "$tree"
exit $status`;

async function inNamespace(archive: string, request: TreeRequest): Promise<RootTree> {
	const few = join(request.folder, "boot-files");
	const tree = join(request.folder, "root");
	await mkdir(few);
	const patterns = bootFiles(request.architecture);
	// Status 2 for a pattern that nothing matches: which of them exist differs between releases.
	await run("tar", ["--wildcards", "--no-same-owner", "-xf", archive, "-C", few, ...patterns], { package: "tar" });
	const namespace = ["--user", "--map-root-user", "--map-auto", "--", "sh", "-c", UNPACK, "sh", archive, tree];
	return {
		bootFiles: few,
		makeFileSystem: async (arguments_, disk, size) => {
			await tool("unshare", [...namespace, ...arguments_, "-d", tree, disk, size], "util-linux", request);
			await rm(archive, { force: true });
		},
	};
}
