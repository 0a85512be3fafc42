/** Ports, addresses, names, and network cards. */
import * as z from "zod";
import { facts, linesOf, milliseconds, resourceKind, sh } from "../kind.ts";
import { MatcherError } from "../matchers.ts";

const PORT = /^(tcp|tcp6|udp|udp6):(\d+)$/;
function portOf(text: string): { readonly table: string; readonly number: number } | undefined {
	const [, table, digits] = PORT.exec(/^\d+$/.test(text) ? `tcp:${text}` : text) ?? [];
	const number = Number(digits);
	return table === undefined || number < 1 || number > 65_535 ? undefined : { table, number };
}

/** @param own the attribute that says it in place of the name */
function misnamed(attribute: string, expected: string, name: string, own: string | undefined): MatcherError {
	return new MatcherError(`expected ${expected}, got ${own ?? name}`, own === undefined ? [] : [attribute]);
}

/** States of /proc/net: what listens with TCP, and what is bound with UDP. */
const LISTENING = { tcp: "0A", udp: "07" } as const;

export const port = resourceKind({
	parameters: { port: z.string().optional() },
	presence: "listening",
	properties: { listening: "flag", ip: "value" },
	check(name, { port: own }) {
		if (portOf(own ?? name) === undefined) throw misnamed("port", "a port such as tcp:22 or udp6:53", name, own);
	},
	async find({ name, parameters: { port: wanted = name } }, probe) {
		const { table = "", number = 0 } = portOf(wanted) ?? {};
		const { stdout } = await sh(probe, 'cat -- "/proc/net/$1"', [table]);
		const state = table.startsWith("tcp") ? LISTENING.tcp : LISTENING.udp;
		const found = linesOf(stdout)
			.map((line) => line.trim().split(/\s+/))
			.filter(([, local = "", , its]) => its === state && Number.parseInt(local.split(":")[1] ?? "", 16) === number)
			.map(([, local = ""]) => addressOf(local.split(":")[0] ?? ""));
		return facts({ listening: found.length > 0, ip: found }, "nothing listens there");
	},
});

/** /proc/net has addresses as 32-bit words, each with its lowest byte first. */
function addressOf(hex: string): string {
	const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
	if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join(".");
	const groups = Array.from({ length: 8 }, (_, index) =>
		Number.parseInt(`${bytes[2 * index]}${bytes[2 * index + 1]}`, 16).toString(16),
	);
	return shortest(groups);
}

/** RFC 5952: the longest run of zeros becomes "::". */
function shortest(groups: readonly string[]): string {
	const runs = [...groups.join(":").matchAll(/(?<=^|:)0(?::0)+(?=:|$)/g)].sort((a, b) => b[0].length - a[0].length);
	const [run] = runs;
	if (run === undefined) return groups.join(":");
	const text = groups.join(":");
	return `${text.slice(0, run.index).replace(/:$/, "")}::${text.slice(run.index + run[0].length).replace(/^:/, "")}`;
}

const ADDRESS = /^tcp:\/\/\[?([^\]\s]+)\]?:(\d+)$/;
const ADDR = `command -v bash >/dev/null || exit 3
timeout "$3" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null`;

export const addr = resourceKind({
	// More than goss waits: an emulated machine is slow.
	parameters: {
		address: z.string().optional(),
		"local-address": z.string().optional(),
		timeout: milliseconds(5000),
	},
	properties: { reachable: "flag" },
	check(name, { address: own }) {
		if (!ADDRESS.test(own ?? name)) throw misnamed("address", "an address such as tcp://10.0.0.1:80", name, own);
	},
	async find({ name, parameters: { address = name, "local-address": from, timeout } }, probe) {
		// bash cannot choose it.
		if (from) return facts({}, "asking from a local-address takes goss in the machine");
		const [, host = "", number = ""] = ADDRESS.exec(address) ?? [];
		const { status } = await sh(probe, ADDR, [host, number, String(timeout / 1000)]);
		return status === 3 ? facts({}, "expected bash in the machine, got none") : facts({ reachable: status === 0 });
	},
});

export const dns = resourceKind({
	parameters: { resolve: z.string().optional(), server: z.string().optional(), timeout: milliseconds(500) },
	presence: "resolvable",
	properties: { resolvable: "flag", resolveable: "flag", addrs: "value" },
	async find({ name, parameters: { resolve = name, server } }, probe) {
		if (server !== undefined) return facts({}, "asking a server takes goss in the machine");
		const { stdout } = await sh(probe, 'getent ahosts -- "$1"', [resolve]);
		const addrs = [...new Set(linesOf(stdout).map((line) => line.split(/\s+/)[0] ?? ""))];
		return facts({ resolvable: addrs.length > 0, resolveable: addrs.length > 0, addrs }, "it has no address");
	},
});

const INTERFACE = `[ -d "/sys/class/net/$1" ] || exit 3
cat -- "/sys/class/net/$1/mtu"
ip -o addr show dev "$1" | sed -n 's/.* inet6\\{0,1\\} \\([^ ]*\\).*/\\1/p'`;

export const networkInterface = resourceKind({
	parameters: { name: z.string().optional() },
	presence: "exists",
	properties: { exists: "flag", addrs: "value", mtu: "number" },
	async find({ name: key, parameters: { name = key } }, probe) {
		const { status, stdout } = await sh(probe, INTERFACE, [name]);
		if (status === 3) return facts({ exists: false }, "there is no such interface");
		const [mtu, ...addrs] = linesOf(stdout);
		return facts({ exists: true, mtu: Number(mtu), addrs });
	},
});
