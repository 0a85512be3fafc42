/** EXPOSE's ports, by the rules of BuildKit (dockerfile2llb/convert_expose.go). */

const PROTOCOLS = ["tcp", "udp", "sctp"];

function portNumber(text: string): number | undefined {
	if (!/^\d+$/.test(text)) return undefined;
	const port = Number(text);
	return port <= 65535 ? port : undefined;
}

/** "8000" or "8000-8010", both ends included. */
function portRange(text: string): readonly [number, number] | undefined {
	const parts = text.split("-");
	if (parts.length > 2) return undefined;
	const start = portNumber(parts[0] ?? "");
	const end = parts.length === 2 ? portNumber(parts[1] ?? "") : start;
	return start === undefined || end === undefined || end < start ? undefined : [start, end];
}

function isAddress(text: string): boolean {
	const bare = text.replace(/^\[(.*)\]$/, "$1");
	if (/^\d+(\.\d+){3}$/.test(bare)) return bare.split(".").every((part) => Number(part) <= 255);
	return /^[0-9a-fA-F:.]+$/.test(bare) && bare.includes(":");
}

/**
 * `[[ip:]hostPort:]port[-port][/proto]` as "port/proto", one for each port of a range. Address
 * and host port are checked and dropped.
 * @throws Error that says what is wrong with the text, without a location.
 */
export function parsePort(text: string): string[] {
	const parts = text.split(":");
	const container = parts.at(-1) ?? "";
	const host = parts.length > 1 ? (parts.at(-2) ?? "") : "";
	const address = parts.slice(0, -2).join(":");
	const slash = container.indexOf("/");
	const ports = slash < 0 ? container : container.slice(0, slash);
	const protocol = (slash < 0 ? "" : container.slice(slash + 1)).toLowerCase() || "tcp";
	if (ports === "") throw new Error(`expected a port, got "${text}"`);
	if (!PROTOCOLS.includes(protocol)) throw new Error(`expected protocol tcp, udp or sctp, got "${protocol}"`);
	if (address !== "" && !isAddress(address)) throw new Error(`expected an IP address, got "${address}"`);
	const range = portRange(ports);
	if (range === undefined) throw new Error(`expected a port or a range of ports (0-65535), got "${ports}"`);
	const [start, end] = range;
	if (host !== "") {
		const hostRange = portRange(host);
		if (hostRange === undefined) throw new Error(`expected a host port or a range of ports, got "${host}"`);
		if (hostRange[1] - hostRange[0] !== end - start && end !== start)
			throw new Error(`expected ranges of one length, got "${ports}" and "${host}"`);
	}
	return Array.from({ length: end - start + 1 }, (_, i) => `${start + i}/${protocol}`);
}
