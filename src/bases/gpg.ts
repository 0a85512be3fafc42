/** Signatures over checksum files, checked with gpgv against keys whose fingerprints the map pins. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NodebuildError } from "../errors.ts";
import type { VendorKey } from "../plan/base-map.ts";
import { isErrno } from "../system/files.ts";
import { run } from "../system/process.ts";

export interface SignedFile {
	/** Where it came from, for messages. */
	readonly url: string;
	/** The checksum file as it came. */
	readonly content: Uint8Array;
	/** Undefined: the content is clear-signed. */
	readonly signature?: Uint8Array;
	readonly key: VendorKey;
	/** The vendor's published key, fetched; trusted by its fingerprint only. */
	readonly publishedKey?: Uint8Array;
}

export type SignatureResult = { readonly good: true } | { readonly good: false; readonly why: string };

/**
 * Check a signature, in a folder of the caller's. Not being able to check (no gpgv, none of the
 * vendor's keys) is a result; a signature that is wrong, or by another key, is an error.
 * @throws NodebuildError BASE_SIGNATURE
 */
export async function checkSignature(signed: SignedFile, folder: string): Promise<SignatureResult> {
	const keyrings = await writeKeyrings(signed, folder);
	if (keyrings.length === 0) return { good: false, why: "the vendor's key is not at hand" };
	const content = join(folder, "signed");
	await writeFile(content, signed.content);
	const files = [content];
	if (signed.signature !== undefined) {
		const signature = join(folder, "signature");
		await writeFile(signature, dearmor(signed.signature));
		files.unshift(signature);
	}
	const args = ["--status-fd", "1", ...keyrings.flatMap((file) => ["--keyring", file]), ...files];
	try {
		const { stdout, stderr } = await run("gpgv", args, { package: "gpgv", env: { LC_ALL: "C" } });
		return judge(signed, stdout, stderr);
	} catch (error) {
		if (!(error instanceof NodebuildError) || error.code !== "HOST_TOOL_MISSING") throw error;
		return { good: false, why: "gpgv is not installed" };
	}
}

/** Read gpgv's status lines (doc/DETAILS of GnuPG): the last word of VALIDSIG is the primary key's fingerprint. */
function judge(signed: SignedFile, status: string, messages: string): SignatureResult {
	const lines = status.split("\n").map((line) => line.replace(/^\[GNUPG:\] /, "").split(" "));
	const valid = lines.flatMap((words) => (words[0] === "VALIDSIG" ? [words.at(-1) ?? ""] : []));
	if (valid.some((fingerprint) => signed.key.fingerprints.includes(fingerprint))) return { good: true };
	const bad = lines.some(([word]) => word === "BADSIG");
	// Whoever replaces an image can sign it too: with a key that nobody here knows.
	const unknown = lines.flatMap(([word, key = ""]) => (word === "NO_PUBKEY" ? [`the unknown key ${key}`] : []));
	const signers = [...valid, ...unknown];
	const by = signers.length === 0 ? "" : `, got one by ${signers.join(", ")}`;
	throw new NodebuildError({
		code: "BASE_SIGNATURE",
		message: `expected ${signed.url} to carry a good signature by ${signed.key.fingerprints.join(" or ")}${bad ? ", got a bad one" : by}`,
		hint: "the file was changed on its way, or the vendor has a new key: compare with the vendor's own page before going on; --base-map can name another key",
		details: messages.split("\n"),
	});
}

async function writeKeyrings(signed: SignedFile, folder: string): Promise<readonly string[]> {
	const keys: Uint8Array[] = signed.publishedKey === undefined ? [] : [signed.publishedKey];
	for (const path of signed.key.keyrings) {
		const key = await readFile(path).catch((error: unknown) => {
			if (isErrno(error, "ENOENT", "EACCES", "ENOTDIR")) return undefined;
			throw error;
		});
		if (key !== undefined) keys.push(key);
	}
	const files: string[] = [];
	for (const [index, key] of keys.entries()) {
		const file = join(folder, `key-${index}.gpg`);
		await writeFile(file, dearmor(key));
		files.push(file);
	}
	return files;
}

/** ASCII armor (RFC 9580, section 6.2) to bytes, all blocks after each other; anything else as it is. */
export function dearmor(data: Uint8Array): Uint8Array {
	const text = Buffer.from(data).toString("latin1");
	const blocks = [
		...text.matchAll(/-----BEGIN PGP [A-Z ]+-----\r?\n(?:[^\r\n]*: [^\r\n]*\r?\n)*\r?\n?([\s\S]*?)-----END PGP/g),
	];
	if (blocks.length === 0) return data;
	return Buffer.concat(
		blocks.map(([, body = ""]) => Buffer.from(body.replace(/^=[A-Za-z0-9+/]{4}\s*$/m, ""), "base64")),
	);
}
