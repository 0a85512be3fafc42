/** Content digests, written as OCI writes them. Pure: node:crypto is used as a function. */
import { createHash } from "node:crypto";

export type Digest = `sha256:${string}`;

export function sha256(data: string | Uint8Array): Digest {
	return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}

/** The 64 hex digits of a digest. */
export function hexOf(digest: Digest): string {
	return digest.slice("sha256:".length);
}

/**
 * Canonical JSON: object keys sorted, undefined members left out. Two values that mean the
 * same give the same text, which is what keys are made of.
 */
export function canonicalJson(value: unknown): string {
	if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
	if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
	const members = Object.entries(value)
		.filter(([, member]) => member !== undefined)
		.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
		.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
	return `{${members.join(",")}}`;
}

export function digestOf(value: unknown): Digest {
	return sha256(canonicalJson(value));
}
