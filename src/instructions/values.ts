/** Values of options, as Go's strconv, time and docker/go-units read them. */
import { Fault } from "./fault.ts";

/** strconv.ParseBool. */
export function parseBoolean(key: string, text: string): boolean {
	if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
	if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
	throw new Fault({
		message: `invalid value for ${key}: ${text}`,
		part: text,
		hint: `Write ${key}=true or ${key}=false.`,
	});
}

/** strconv.ParseUint to 32 bits. */
export function parseUnsigned(key: string, text: string, base: 8 | 10): number {
	const digits = base === 8 ? /^[0-7]+$/ : /^[0-9]+$/;
	const value = digits.test(text) ? Number.parseInt(text, base) : Number.NaN;
	if (value <= 0xffff_ffff) return value;
	throw new Fault({
		message: `invalid value ${text} for ${key}`,
		part: text,
		hint: base === 8 ? "Write an octal number, such as 0755." : "Write a decimal number.",
	});
}

/** units.RAMInBytes: `512m`, `1.5g`, `64MiB`; powers of 1024. */
export function parseBytes(key: string, text: string): number {
	const match = /^(\d+(?:\.\d*)?|\.\d+) ?([kmgtp]?)(?:i?b)?$/i.exec(text);
	const power = "kmgtp".indexOf(match?.[2]?.toLowerCase() || " ") + 1;
	const bytes = match === null ? Number.NaN : Math.floor(Number(match[1]) * 1024 ** power);
	if (Number.isSafeInteger(bytes)) return bytes;
	throw new Fault({
		message: `invalid value for ${key}: ${text}`,
		part: text,
		hint: "Write a size such as 512m or 1g.",
	});
}

const UNITS: Readonly<Record<string, number>> = {
	ns: 1,
	us: 1e3,
	"\u00b5s": 1e3,
	"\u03bcs": 1e3,
	ms: 1e6,
	s: 1e9,
	m: 60e9,
	h: 3600e9,
};

/** Go's time.ParseDuration, in nanoseconds: `1h30m`, `1.5s`, `300ms`. Undefined for anything else. */
export function parseDuration(text: string): number | undefined {
	const [, sign, rest = ""] = /^([+-]?)([\s\S]*)$/.exec(text) ?? [];
	if (rest === "0") return 0;
	if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$/.test(rest)) return undefined;
	let total = 0;
	for (const [, amount, unit = ""] of rest.matchAll(/([\d.]+)([^\d.]+)/g)) {
		total += Math.trunc(Number(amount) * (UNITS[unit] ?? Number.NaN));
	}
	// 2^63 nanoseconds, 292 years, are Go's limit.
	if (!(total < 2 ** 63)) return undefined;
	return sign === "-" ? -total : total;
}
