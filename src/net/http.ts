/**
 * A small HTTP client: GET with ranges, redirects, proxies (CONNECT for https) and time limits.
 * fetch of Node 20 cannot use a proxy, and this needs nothing else.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { NodebuildError } from "../errors.ts";
import { HttpConnectionError, HttpProblem, statusProblem, type Way } from "./http-error.ts";
import { type ProxySettings, proxyAuthorization, proxyFor } from "./proxy.ts";

export { HttpConnectionError, statusProblem } from "./http-error.ts";

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const MAX_REDIRECTS = 10;

export interface HttpOptions {
	readonly proxy: ProxySettings;
	readonly headers?: Readonly<Record<string, string>>;
	readonly signal?: AbortSignal;
	/**
	 * Follow a redirect from https to http, as mirror networks send them. Only for content that is
	 * checked against a digest from elsewhere: anybody on the way can change it.
	 */
	readonly allowDowngrade?: boolean;
	/** Milliseconds until the first byte of the answer's head, redirects not counted. */
	readonly connectTimeout: number;
	/** Milliseconds without a byte after which a transfer counts as broken. */
	readonly idleTimeout: number;
}

export interface HttpResponse {
	readonly status: number;
	readonly headers: Readonly<Record<string, string | undefined>>;
	/** Address after redirects. */
	readonly url: string;
	/** Errors when the connection breaks or idles; destroy it when it is not read to its end. */
	readonly body: IncomingMessage;
}

/**
 * GET an address, following redirects. Any status is an answer, not an error.
 * @throws HttpConnectionError; the signal's reason when it fired.
 */
export async function get(url: string, options: HttpOptions): Promise<HttpResponse> {
	let address = new URL(url);
	for (let hop = 0; ; hop++) {
		const response = await once(address, options);
		const { location } = response.headers;
		if (!REDIRECTS.has(response.statusCode ?? 0) || location === undefined) return answer(response, address, options);
		response.destroy();
		const next = nextAddress(location, address);
		if (hop === MAX_REDIRECTS) throw tooManyRedirects(url, next);
		if (address.protocol === "https:" && next.protocol !== "https:" && options.allowDowngrade !== true) {
			throw new HttpConnectionError(url, new HttpProblem(`it redirects from https to ${next.href}`, { again: false }));
		}
		address = next;
	}
}

/** @throws HttpConnectionError for what is no address of http. */
function nextAddress(location: string, address: URL): URL {
	const next = URL.canParse(location, address.href) ? new URL(location, address) : undefined;
	if (next?.protocol === "http:" || next?.protocol === "https:") return next;
	throw new HttpConnectionError(address.href, new HttpProblem(`it redirects to ${location}`, { again: false }));
}

function tooManyRedirects(url: string, next: URL): HttpConnectionError {
	const message = `it redirects for ever: ${MAX_REDIRECTS} times, and then to ${next.href}`;
	return new HttpConnectionError(url, new HttpProblem(message, { again: false }));
}

function answer(response: IncomingMessage, url: URL, options: HttpOptions): HttpResponse {
	response.setTimeout(options.idleTimeout, () => response.destroy(timedOut("no data")));
	const headers: Record<string, string | undefined> = {};
	for (const [name, value] of Object.entries(response.headers)) {
		headers[name] = Array.isArray(value) ? value.join(", ") : value;
	}
	return { status: response.statusCode ?? 0, headers, url: url.href, body: response };
}

function timedOut(what: string): Error {
	return Object.assign(new Error(`${what} in time`), { code: "ETIMEDOUT" });
}

/** One request and its answer's head. */
async function once(url: URL, options: HttpOptions): Promise<IncomingMessage> {
	const limit = AbortSignal.timeout(options.connectTimeout);
	const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]);
	try {
		const request = await open(url, options, signal);
		return await head(request, signal);
	} catch (error) {
		options.signal?.throwIfAborted();
		if (error instanceof NodebuildError) throw error;
		throw new HttpConnectionError(url.href, limit.aborted ? timedOut("no answer") : error, wayTo(url, options));
	}
}

/** Wait for the answer's head; the signal counts only so long, the body has limits of its own. */
function head(request: ClientRequest, signal: AbortSignal): Promise<IncomingMessage> {
	return new Promise((resolve, reject) => {
		const abort = (): void => {
			request.destroy(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
		};
		if (signal.aborted) abort();
		signal.addEventListener("abort", abort, { once: true });
		const done = (): void => signal.removeEventListener("abort", abort);
		request.once("response", (response) => {
			done();
			resolve(response);
		});
		// Not once: an error after the answer's head must not go unheard, the body reports it.
		request.on("error", (error) => {
			done();
			reject(error);
		});
		request.end();
	});
}

async function open(url: URL, options: HttpOptions, signal: AbortSignal): Promise<ClientRequest> {
	const headers = { "user-agent": "nodebuild", accept: "*/*", "accept-encoding": "identity", ...options.headers };
	const proxy = proxyFor(url, options.proxy);
	// No keep-alive pool: a build makes few requests, and an idle socket would keep the process waiting.
	const common = { method: "GET", agent: false as const, headers };
	if (proxy === undefined) return url.protocol === "https:" ? httpsRequest(url, common) : httpRequest(url, common);
	if (url.protocol === "http:") {
		const viaProxy = { ...headers, host: url.host, ...proxyAuthorization(proxy) };
		return request(proxy, { ...common, path: url.href, headers: viaProxy });
	}
	const tunnel = await connectThrough(proxy, url, signal);
	const tls = tlsConnect({ socket: tunnel, servername: url.hostname, ALPNProtocols: ["http/1.1"] });
	// The request reports it; but a socket whose request has gone already must not end the process.
	tls.on("error", () => undefined);
	// An agent, even none at all ("false"), would make a connection of its own.
	const direct = { ...headers, host: url.host };
	return httpsRequest(url, { method: "GET", headers: direct, createConnection: () => tls });
}

function request(proxy: URL, options: Parameters<typeof httpRequest>[1] & object): ClientRequest {
	return proxy.protocol === "https:" ? httpsRequest(proxy, options) : httpRequest(proxy, options);
}

/** For messages: an address may fail because of its proxy. */
export function wayTo(url: URL, options: Pick<HttpOptions, "proxy">): Way {
	const proxy = proxyFor(url, options.proxy);
	return proxy === undefined ? {} : { proxy: proxy.host };
}

/** What a proxy says to CONNECT instead of connecting. */
function refusal(status = 0): HttpProblem {
	const why = status === 407 ? "asks for a user and a password" : `refuses to connect, with status ${status}`;
	return new HttpProblem(`the proxy ${why}`, { again: status >= 500 });
}

/** A socket to `target` through the proxy's CONNECT method (RFC 9110, section 9.3.6). */
function connectThrough(proxy: URL, target: URL, signal: AbortSignal): Promise<Socket> {
	const authority = `${target.hostname}:${target.port === "" ? 443 : target.port}`;
	const headers = { host: authority, ...proxyAuthorization(proxy) };
	return new Promise((resolve, reject) => {
		const connecting = request(proxy, { method: "CONNECT", path: authority, headers, agent: false, signal });
		connecting.once("connect", (response, socket) => {
			if (response.statusCode === 200) return resolve(socket);
			socket.destroy();
			reject(refusal(response.statusCode));
		});
		connecting.once("response", (response) => {
			response.destroy();
			reject(refusal(response.statusCode));
		});
		connecting.once("error", reject);
		connecting.end();
	});
}

/** The whole of a small text (checksums, signatures, keys); undefined when the server says it is not there. */
export async function getText(url: string, options: HttpOptions, limit = 4 << 20): Promise<string | undefined> {
	const bytes = await getBytes(url, options, limit);
	return bytes?.toString("utf8");
}

export async function getBytes(url: string, options: HttpOptions, limit = 4 << 20): Promise<Buffer | undefined> {
	const response = await get(url, options);
	if (response.status !== 200) {
		response.body.destroy();
		if (response.status >= 500 || response.status === 429) {
			throw new HttpConnectionError(url, statusProblem(response.status), wayTo(new URL(url), options));
		}
		return undefined;
	}
	const chunks: Buffer[] = [];
	let size = 0;
	try {
		for await (const chunk of response.body) {
			const data = Buffer.from(chunk);
			size += data.length;
			if (size > limit) return undefined;
			chunks.push(data);
		}
	} catch (error) {
		options.signal?.throwIfAborted();
		throw new HttpConnectionError(url, error, wayTo(new URL(url), options));
	}
	return Buffer.concat(chunks);
}
