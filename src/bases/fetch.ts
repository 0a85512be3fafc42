/** Cloud images: address, checksums, signature, download, verification. */
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../digest.ts";
import type { NodebuildError } from "../errors.ts";
import type { BaseEntry, ImageSource } from "../plan/base-map.ts";
import { download, sidecarOf } from "../net/download.ts";
import { imageAddress } from "./address.ts";
import { digestFile } from "./digest-file.ts";
import { architectureOf, guessFamily } from "./guess.ts";
import { digestOfHex, importDisk } from "./import.ts";
import { checkPin, located, type ResolveOptions, task } from "./options.ts";
import type { BaseReference, Pin } from "./resolve.ts";
import type { Base } from "./types.ts";
import { type Expectation, fetchChecksum, findBeside, httpOptions } from "./vendor.ts";

interface ImageRequest {
	readonly url: string;
	readonly name: string;
	readonly ref: string;
	readonly family: string;
	readonly architecture: string;
	readonly defaultUser?: string;
	readonly expected: readonly Expectation[];
	/** A checksum's signature was good. */
	readonly signed: boolean;
}

/**
 * A base of the map from its vendor. `patient`: there is no other source to turn to.
 * @throws HttpConnectionError when the vendor cannot be reached; NodebuildError BASE_CHECKSUM, BASE_SIGNATURE,
 *   BASE_UNAVAILABLE.
 */
export async function fetchNamed(
	reference: Extract<BaseReference, { kind: "named" }>,
	source: ImageSource,
	patient: boolean,
	options: ResolveOptions,
): Promise<Base> {
	const { name: ref, entry } = reference.base;
	const architecture = architectureOf(options.platform);
	const url = imageAddress(source, entry, architecture);
	if (url === undefined) throw noArchitecture(ref, architecture, entry, options);
	const name = fileName(url);
	const expected: Expectation[] = reference.pin === undefined ? [] : [{ pin: reference.pin, from: "the Nodefile" }];
	const inMap = source.digests?.[architecture as "amd64" | "arm64"];
	if (inMap !== undefined) expected.push({ pin: pinOfDigest(inMap), from: "the base map" });
	let signed = false;
	if (source.checksum !== undefined) {
		const vendorName = entry.architectures[architecture as "amd64" | "arm64"] ?? architecture;
		const found = await fetchChecksum(source.checksum, vendorName, name, patient, options);
		expected.push(found.expectation);
		signed = found.signed;
	}
	const { family, defaultUser } = entry;
	const user = defaultUser === undefined ? {} : { defaultUser };
	return fetchImage({ url, name, ref, family, architecture, ...user, expected, signed }, options);
}

/** FROM https://… : the checksum is looked for beside the image. */
export async function fetchUrl(
	reference: Extract<BaseReference, { kind: "url" }>,
	options: ResolveOptions,
): Promise<Base> {
	const { url, pin } = reference;
	const name = fileName(url);
	const expected: Expectation[] = [];
	if (pin !== undefined) expected.push({ pin, from: "the Nodefile" });
	else {
		const { found, silent } = await findBeside(url, name, options);
		if (found === undefined) warnUnverified(url, name, silent, options);
		else expected.push(found);
	}
	const architecture = architectureOf(options.platform);
	return fetchImage({ url, name, ref: url, family: guessFamily(name), architecture, expected, signed: false }, options);
}

function warnUnverified(url: string, name: string, silent: readonly string[], options: ResolveOptions): void {
	const why = silent.length === 0 ? `no checksum lies beside ${url}` : `${silent.join(", ")} does not list ${name}`;
	options.emit({
		type: "warning",
		message: `${why}, so its content is taken as it comes; pin it with #sha256=…`,
		...(options.at === undefined ? {} : { at: options.at }),
	});
}

function fileName(url: string): string {
	const path = new URL(url).pathname;
	const encoded = path.slice(path.lastIndexOf("/") + 1);
	try {
		return decodeURIComponent(encoded) || "disk";
	} catch {
		return encoded;
	}
}

function pinOfDigest(digest: string): Pin {
	const [algorithm = "", hex = ""] = digest.split(":");
	return { algorithm: algorithm === "sha512" ? "sha512" : "sha256", hex };
}

function noArchitecture(ref: string, architecture: string, entry: BaseEntry, options: ResolveOptions): NodebuildError {
	return located(options, {
		code: "BASE_UNAVAILABLE",
		message: `expected ${ref} to exist for ${architecture}, got a base for ${Object.keys(entry.architectures).join(", ")} only`,
		hint: "choose another --platform or another base",
	});
}

async function fetchImage(request: ImageRequest, options: ResolveOptions): Promise<Base> {
	const { store } = options;
	const wanted = request.expected.find(({ pin }) => pin.algorithm === "sha256")?.pin;
	// The same content may have come from elsewhere.
	const find = async (): Promise<Base | undefined> =>
		wanted === undefined ? undefined : await store.bases.also(digestOfHex(wanted.hex), referenceOf(request));
	const stored = await find();
	if (stored !== undefined) return stored;
	const partial = join(store.downloadsDir, `${sha256(request.url).slice(7, 23)}-${request.name}`);
	await using _lock = await store.lock(`download:${request.url}`, {
		...(options.signal === undefined ? {} : { signal: options.signal }),
		onWait: () =>
			options.emit({ type: "info", message: `another build is downloading ${request.url}: waiting for it` }),
	});
	const meanwhile = await find();
	return meanwhile ?? (await transfer(request, partial, options));
}

async function transfer(request: ImageRequest, partial: string, options: ResolveOptions): Promise<Base> {
	const digests = await task(options, "base", `download ${request.url}`, async (progress) => {
		await download(request.url, partial, {
			http: { ...httpOptions(options), allowDowngrade: request.expected.length > 0 },
			onProgress: everySoOften(progress),
			onRetry: (message) => options.emit({ type: "info", message }),
			...(options.retry === undefined ? {} : { retry: options.retry }),
		});
		return digestFile(partial, ["sha256", ...request.expected.map(({ pin }) => pin.algorithm)], options.signal);
	});
	try {
		for (const { pin, from } of request.expected) checkPin(pin, digests, request.url, options, from);
	} catch (error) {
		// Kept, it would be taken for a finished download the next time.
		await rm(partial, { force: true });
		await rm(sidecarOf(partial), { force: true });
		throw error;
	}
	return keep(request, partial, digests.sha256, options);
}

async function keep(request: ImageRequest, partial: string, hex: string, options: ResolveOptions): Promise<Base> {
	// Out of the downloads, so that a kill while it is taken over does not leave a file that looks resumable.
	await using work = await options.store.workDir();
	const file = join(work.path, "download");
	await rename(partial, file);
	const { family, architecture, defaultUser, ref, url } = request;
	return await importDisk({
		store: options.store,
		file,
		name: request.name,
		move: true,
		trusted: false,
		record: {
			digest: digestOfHex(hex),
			ref,
			family,
			architecture,
			...(defaultUser === undefined ? {} : { defaultUser }),
			source: url,
			verified: verification(request),
		},
		...(options.signal === undefined ? {} : { signal: options.signal }),
	});
}

function referenceOf(request: ImageRequest) {
	const { ref, architecture, url: source } = request;
	return { ref, architecture, source, verified: verification(request), created: new Date().toISOString() };
}

/** BaseRecord.verified: "sha256", "sha512", either with "+gpg", or "unverified". */
function verification(request: ImageRequest): string {
	const [first] = request.expected;
	if (first === undefined) return "unverified";
	return request.signed ? `${first.pin.algorithm}+gpg` : first.pin.algorithm;
}

/** Ten times a second is enough for eyes, and costs nothing. */
function everySoOften(progress: (current: number, total?: number) => void): (current: number, total?: number) => void {
	let last = 0;
	return (current, total) => {
		const now = performance.now();
		if (now - last < 100 && current !== total) return;
		last = now;
		progress(current, total);
	};
}
