/** A real HTTP server that behaves as badly as a test wants. */
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { loadMaps, type ResolveOptions } from "../../../src/bases/index.ts";
import type { BaseEvent } from "../../../src/bases/types.ts";
import { openStore, type Store } from "../../../src/layers/store.ts";

export async function temporaryFolder(): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), "nb-bases-"));
	onTestFinished(() => rm(folder, { recursive: true, force: true }));
	return folder;
}

export async function temporaryStore(): Promise<Store> {
	const store = await openStore(join(await temporaryFolder(), "store"));
	onTestFinished(() => store.close());
	return store;
}

async function listen(server: Server): Promise<string> {
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	onTestFinished(() => {
		server.closeAllConnections();
		server.close();
	});
	return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export interface Site {
	readonly url: string;
	readonly requests: IncomingMessage[];
}

export async function site(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Site> {
	const requests: IncomingMessage[] = [];
	const server = createServer((incoming, response) => {
		requests.push(incoming);
		answer(incoming, response);
	});
	return { url: `http://${await listen(server)}`, requests };
}

/** Files by path; with ranges and ETags, as vendors' servers have them. */
export function files(content: Readonly<Record<string, Uint8Array | string>>) {
	return (incoming: IncomingMessage, response: ServerResponse): void => {
		const found = content[incoming.url ?? ""];
		if (found === undefined) return void response.writeHead(404).end("not here");
		const data = Buffer.from(found);
		const etag = `"${createHash("sha256").update(data).digest("hex").slice(0, 16)}"`;
		const from = Number(/^bytes=(\d+)-$/.exec(incoming.headers.range ?? "")?.[1] ?? 0);
		if (from > 0 && incoming.headers["if-range"] === etag) {
			const headers = {
				etag,
				"content-length": data.length - from,
				"content-range": `bytes ${from}-${data.length - 1}/${data.length}`,
			};
			return void response.writeHead(206, headers).end(data.subarray(from));
		}
		response.writeHead(200, { etag, "content-length": data.length }).end(data);
	};
}

/** Send the head and the first bytes, then cut the connection. */
export function cut(
	response: ServerResponse,
	status: number,
	headers: Record<string, string | number>,
	part: Uint8Array,
): void {
	response.writeHead(status, headers);
	response.write(part, () => setTimeout(() => response.destroy(), 20));
}

export interface Proxy {
	readonly url: string;
	/** "GET http://…" and "CONNECT host:port", in order. */
	readonly seen: string[];
	readonly authorizations: (string | undefined)[];
}

/** A forward proxy; CONNECT goes to `target` whatever the name, so that no name needs to resolve. */
export async function proxy(target: string): Promise<Proxy> {
	const seen: string[] = [];
	const authorizations: (string | undefined)[] = [];
	const [host = "", port = ""] = target.replace(/^https?:\/\//, "").split(":");
	const server = createServer((incoming, response) => {
		seen.push(`${incoming.method} ${incoming.url}`);
		authorizations.push(incoming.headers["proxy-authorization"]);
		const path = new URL(incoming.url ?? "").pathname;
		const onward = request({ host, port, path, headers: incoming.headers }, (answer) => {
			response.writeHead(answer.statusCode ?? 502, answer.headers);
			answer.pipe(response);
		});
		onward.end();
	});
	server.on("connect", (incoming: IncomingMessage, socket: Socket) => {
		seen.push(`CONNECT ${incoming.url}`);
		authorizations.push(incoming.headers["proxy-authorization"]);
		const onward = connect(Number(port), host, () => {
			socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
			onward.pipe(socket).pipe(onward);
		});
		onward.on("error", () => socket.destroy());
		socket.on("error", () => onward.destroy());
	});
	return { url: `http://${await listen(server)}`, seen, authorizations };
}

/** A proxy that connects to nobody. */
export async function refusingProxy(status: number): Promise<{ readonly url: string }> {
	const server = createServer();
	server.on("connect", (_incoming: IncomingMessage, socket: Socket) => {
		socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
	});
	return { url: `http://${await listen(server)}` };
}

/** Options for resolveBase that never wait and never boot, and what was said. */
export async function options(
	store: Store,
	over: Partial<ResolveOptions> = {},
): Promise<ResolveOptions & { readonly events: BaseEvent[]; readonly slept: number[] }> {
	const events: BaseEvent[] = [];
	const slept: number[] = [];
	return {
		store,
		map: await loadMaps([]),
		platform: "linux/amd64",
		directory: "/",
		offline: false,
		source: "auto",
		proxy: {},
		boot: () => Promise.reject(new Error("nothing boots in a unit test")),
		emit: (event) => events.push(event),
		retry: {
			retries: 3,
			base: 100,
			longest: 1000,
			random: () => 0.5,
			sleep: async (milliseconds) => {
				slept.push(milliseconds);
			},
		},
		events,
		slept,
		...over,
	};
}
