/** The package mirror that this host uses, and what it has of a release. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { NodebuildError } from "../../errors.ts";
import type { BootstrapSource } from "../../plan/base-map.ts";
import { exists, isErrno } from "../../system/files.ts";
import { run } from "../../system/process.ts";
import { type AptSource, findArchives, formatSources, parseDeb822, parseOneLine } from "./apt-sources.ts";

export interface Mirror {
	/** deb822 text for apt outside of the image, its keyring a file of the host. */
	readonly hostSources: string;
	/** The same for apt inside. */
	readonly guestSources: string;
}

export interface MirrorOptions {
	/** "/etc/apt" of the host. */
	readonly aptDirectory: string;
	/** A folder for what is fetched only to see whether it is there. */
	readonly folder: string;
	readonly signal?: AbortSignal;
}

/** apt's own downloader: it knows the host's proxies and credentials. */
const APT_HELPER = "/usr/lib/apt/apt-helper";

/** All apt sources that this host has enabled. */
export async function readHostSources(aptDirectory: string): Promise<readonly AptSource[]> {
	const parts = join(aptDirectory, "sources.list.d");
	const names = await readdir(parts).catch(absent);
	const files = [join(aptDirectory, "sources.list"), ...(names ?? []).sort().map((name) => join(parts, name))];
	const sources: AptSource[] = [];
	for (const file of files) {
		if (!file.endsWith(".list") && !file.endsWith(".sources")) continue;
		const text = await readFile(file, "utf8").catch(absent);
		if (text === undefined) continue;
		for (const source of file.endsWith(".sources") ? parseDeb822(text) : parseOneLine(text)) {
			sources.push({ ...source, uris: await Promise.all(source.uris.map(plainAddress)) });
		}
	}
	return sources;
}

function absent(error: unknown): undefined {
	if (isErrno(error, "ENOENT", "ENOTDIR", "EACCES")) return undefined;
	throw error;
}

/** `mirror+file:/etc/apt/mirrors/debian.list`, as cloud images have it: the first address in that list. */
async function plainAddress(uri: string): Promise<string> {
	const list = /^mirror\+file:(.+)$/.exec(uri)?.[1];
	if (list === undefined) return uri;
	const text = await readFile(list.replace(/^\/+/, "/"), "utf8").catch(absent);
	return (
		text
			?.split("\n")
			.find((line) => /^https?:/.test(line))
			?.split(/\s/)[0] ?? uri
	);
}

/**
 * The sources to bootstrap a release from.
 * @throws NodebuildError BASE_UNAVAILABLE when this host uses no mirror of the distribution, its mirror
 *   lacks the release, or the keyring is not installed.
 */
export async function findMirror(source: BootstrapSource, options: MirrorOptions): Promise<Mirror> {
	const { distribution, suite } = source;
	const { aptDirectory } = options;
	const archives = findArchives(await readHostSources(aptDirectory), distribution);
	if (archives === undefined) {
		throw unavailable(
			`expected this host's apt to use a mirror of ${distribution}, got none in ${aptDirectory}`,
			`add one (sources.list(5)) with its keyring (package ${distribution === "debian" ? "debian-archive-keyring" : "ubuntu-keyring"}), or give nodebuild a cloud image: FROM ./disk.qcow2`,
		);
	}
	const keyring = await firstExisting(source.keyrings);
	if (keyring === undefined) {
		throw unavailable(
			`expected the ${distribution} archive's keyring on this host, got none of ${source.keyrings.join(", ")}`,
			`install it (Debian and Ubuntu: apt-get install ${distribution === "debian" ? "debian-archive-keyring" : "ubuntu-keyring"})`,
		);
	}
	if (!(await hasSuite(archives.main, suite, options))) {
		throw unavailable(
			`expected the host's package mirror to have ${distribution} ${suite}, got none at ${archives.main}`,
			"a release past its end of life moves to an archive server: name that one in the host's apt sources",
		);
	}
	const used: { uri: string; suites: readonly string[] }[] = [
		{ uri: archives.main, suites: [suite, ...(await present(archives.main, source.updates, options))] },
	];
	if (archives.security !== undefined) {
		const suites = await present(archives.security, source.security, options);
		if (suites.length > 0) used.push({ uri: archives.security, suites });
	}
	return {
		hostSources: formatSources(used, source.components, keyring, archives.frozen),
		guestSources: formatSources(used, source.components, source.keyrings[0] ?? keyring, archives.frozen),
	};
}

function unavailable(message: string, hint: string): NodebuildError {
	return new NodebuildError({ code: "BASE_UNAVAILABLE", message, hint });
}

async function firstExisting(paths: readonly string[]): Promise<string | undefined> {
	for (const path of paths) if (await exists(path)) return path;
	return undefined;
}

async function present(archive: string, suites: readonly string[], options: MirrorOptions): Promise<readonly string[]> {
	const found: string[] = [];
	for (const suite of suites) if (await hasSuite(archive, suite, options)) found.push(suite);
	return found;
}

async function hasSuite(archive: string, suite: string, options: MirrorOptions): Promise<boolean> {
	const { signal } = options;
	for (const name of ["InRelease", "Release"]) {
		const target = join(options.folder, `${suite}-${name}`);
		const args = ["-o", "Acquire::Retries=1", "download-file", `${archive}/dists/${suite}/${name}`, target];
		const result = await run(APT_HELPER, args, { package: "apt", ...(signal === undefined ? {} : { signal }) });
		if (result.status === 0) return true;
	}
	return false;
}
