/** Option values: text of the command line to typed values, once. Errors say what was expected. */
import { InvalidArgumentError } from "commander";
import { formatReference, parseReference } from "../layers/reference.ts";

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
const MIB = 2 ** 20;
/** Half of what a qcow2 file with clusters of 32 KiB can name (its L1 table has at most 32 MiB). */
const LARGEST_DISK = 128 * 2 ** 40;

/** Bytes, as docker writes them: "20G", "512m", "1.5GiB", "1073741824". Units are powers of 1024. */
export function parseSize(text: string): number {
	const match = /^(\d+(?:\.\d+)?) ?([kmgt]?)i?b?$/i.exec(text.trim());
	const bytes = Number(match?.[1]) * (UNITS[(match?.[2] ?? "").toLowerCase()] ?? Number.NaN);
	if (match !== null && bytes > Number.MAX_SAFE_INTEGER)
		throw new InvalidArgumentError(`Expected a size of less than 8192T, got ${text}.`);
	if (match === null || !Number.isSafeInteger(Math.round(bytes))) {
		throw new InvalidArgumentError(`Expected a size such as 20G, 512m or a number of bytes.${likelySize(text)}`);
	}
	return Math.round(bytes);
}

function likelySize(text: string): string {
	const match = /(\d+(?:[.,]\d+)?)[^\da-z]*([kmgt])?/i.exec(text);
	if (match === null) return "";
	return ` Did you mean ${match[1]?.replace(",", ".")}${(match[2] ?? "G").toUpperCase()}?`;
}

/** Memory in MiB. */
export function parseMemory(text: string): number {
	const mebibytes = Math.floor(parseSize(text) / MIB);
	if (mebibytes < 128) throw tooSmall(text, "a machine needs at least 128M of memory", "M");
	return mebibytes;
}

/** Bytes of a virtual disk, whole MiB. */
export function parseDiskSize(text: string): number {
	const bytes = Math.ceil(parseSize(text) / MIB) * MIB;
	if (bytes < 64 * MIB) throw tooSmall(text, "a machine's disk needs at least 64M", "G");
	if (bytes > LARGEST_DISK) throw new InvalidArgumentError(`Got ${text}: a machine's disk has at most 128T.`);
	return bytes;
}

function tooSmall(text: string, why: string, unit: string): InvalidArgumentError {
	const bare = /^\d+$/.test(text.trim()) ? ` Did you mean ${text.trim()}${unit}?` : "";
	return new InvalidArgumentError(`Got ${text}: ${why}.${bare}`);
}

const MILLISECONDS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds: "90s", "30m", "24h", "7d", "1h30m". */
export function parseDuration(text: string): number {
	const parts = [...text.matchAll(/(\d+)([smhd])/g)];
	if (parts.length > 0 && parts.map(([part]) => part).join("") === text) {
		return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (MILLISECONDS[unit ?? ""] ?? 0), 0);
	}
	throw new InvalidArgumentError("Expected a time such as 30m, 24h or 7d.");
}

export function parseCpus(text: string): number {
	const count = Number(text);
	if (Number.isInteger(count) && count >= 1 && count <= 255) return count;
	throw new InvalidArgumentError("Expected a whole number of processors from 1 to 255.");
}

/** `name[:tag]`; without a tag ":latest" is added. */
export function parseTag(text: string): string {
	const reference = parseReference(text);
	if (reference !== undefined) return formatReference(reference);
	const likely = text.toLowerCase().replace(/[^a-z0-9._/:-]+/g, "-");
	const meant = parseReference(likely) === undefined ? "" : ` Did you mean ${likely}?`;
	throw new InvalidArgumentError(`Expected name[:tag] in lower case, such as web or web:1.2.${meant}`);
}

/** `K=V`; a bare `K` takes its value from our environment, and is left out where it has none, as docker does. */
export function parseKeyValue(
	text: string,
	env: Readonly<Record<string, string | undefined>>,
): readonly [string, string] | undefined {
	const equals = text.indexOf("=");
	const key = equals < 0 ? text : text.slice(0, equals);
	if (!/^[^\s=]+$/.test(key))
		throw new InvalidArgumentError("Expected NAME=VALUE, or NAME to take it from the environment.");
	if (equals >= 0) return [key, text.slice(equals + 1)];
	const value = env[key];
	return value === undefined ? undefined : [key, value];
}

export function parsePlatform(text: string): string {
	if (/^[a-z0-9_]+\/[a-z0-9_]+(?:\/[a-z0-9_]+)?$/.test(text)) return text;
	throw new InvalidArgumentError("Expected os/architecture, such as linux/amd64 or linux/arm64.");
}

export interface Publish {
	/** 0: the kernel chooses. */
	readonly host: number;
	readonly guest: number;
	readonly protocol: "tcp" | "udp";
}

/** `[127.0.0.1:][host:]guest[/tcp|/udp]`. */
export function parsePublish(text: string): Publish {
	const match = /^(?:(127\.0\.0\.1|localhost):)?(?:(\d*):)?(\d+)(?:\/(tcp|udp))?$/.exec(text);
	if (match === null) {
		const address = /^(?:\d+\.){3}\d+:|^\[/.test(text);
		const why = address ? "Ports are published on 127.0.0.1 only; e" : "E";
		throw new InvalidArgumentError(`${why}xpected HOST:GUEST[/tcp|/udp], such as 8080:80.`);
	}
	const host = Number(match[2] || 0);
	const guest = Number(match[3]);
	if (host > 65535 || guest > 65535 || guest === 0) throw new InvalidArgumentError("Ports go from 1 to 65535.");
	return { host, guest, protocol: match[4] === "udp" ? "udp" : "tcp" };
}
