/** Which proxy an address is reached through, as curl decides it. Pure. */
import { NodebuildError } from "../errors.ts";

export interface ProxySettings {
	readonly http?: string;
	readonly https?: string;
	/** Comma-separated hosts and domains, or "*". */
	readonly no?: string;
}

/**
 * The proxy for `url`, or undefined for a direct connection. A proxy without a scheme is an http one.
 * @throws NodebuildError USAGE for one that is no address, or of another kind, as socks5.
 */
export function proxyFor(url: URL, settings: ProxySettings): URL | undefined {
	const proxy = url.protocol === "https:" ? settings.https : settings.http;
	if (proxy === undefined || proxy === "" || bypasses(url, settings.no ?? "")) return undefined;
	const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
	const parsed = URL.canParse(address) ? new URL(address) : undefined;
	if (parsed?.protocol === "http:" || parsed?.protocol === "https:") return parsed;
	const variable = url.protocol === "https:" ? "https_proxy" : "http_proxy";
	throw new NodebuildError({
		code: "USAGE",
		message: `expected the environment variable ${variable} to be the address of an HTTP proxy, got ${proxy.replace(/\/\/[^/@]*@/, "//xxxxx@")}`,
		hint: `${/^socks/i.test(proxy) ? "SOCKS proxies are not supported: " : ""}set it to http://HOST:PORT, or put ${url.hostname} into no_proxy`,
	});
}

/** no_proxy: "example.com" and ".example.com" cover the domain and everything below; a port restricts it. */
function bypasses(url: URL, list: string): boolean {
	const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
	const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
	return list
		.toLowerCase()
		.split(/[\s,]+/)
		.some((entry) => {
			if (entry === "*") return true;
			const [, name = "", only] = /^(.*?)(?::(\d+))?$/.exec(entry.replace(/^\*?\./, "")) ?? [];
			if (entry.includes("::")) return host === entry.replace(/^\[|\]$/g, "");
			if (name === "" || (only !== undefined && only !== port)) return false;
			return host === name || host.endsWith(`.${name}`);
		});
}

/** Header that signs in at a proxy whose address carries a user; empty otherwise. */
export function proxyAuthorization(proxy: URL): Readonly<Record<string, string>> {
	if (proxy.username === "") return {};
	const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
	return { "proxy-authorization": `Basic ${Buffer.from(user).toString("base64")}` };
}
