import { readFileSync, statSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { sha256 } from "../../../src/digest.ts";
import { copyOfUrl, fileNameOf, type RemoteOptions } from "../../../src/remote/index.ts";
import { cut, proxy, site, temporaryStore } from "../bases/server.ts";

const DATE = "Wed, 21 Oct 2015 07:28:00 GMT";

async function options(over: Partial<RemoteOptions> = {}): Promise<RemoteOptions> {
	const retry = { retries: 2, base: 1, longest: 1, random: () => 0, sleep: async () => undefined };
	return { store: await temporaryStore(), proxy: {}, offline: false, retry, ...over };
}

/** A site with one file, which answers conditional requests. */
async function fileSite(content: { text: string }) {
	return site((request, response) => {
		const etag = `"${content.text}"`;
		const headers = { etag, "last-modified": DATE };
		if (request.headers["if-none-match"] === etag) return void response.writeHead(304, headers).end();
		response.writeHead(200, headers).end(content.text);
	});
}

describe("ADD of an address", () => {
	test("is a file with mode 600, named by the path, with the server's time", async () => {
		const { url } = await fileSite({ text: "hello" });
		const copy = await copyOfUrl({ kind: "url", url: `${url}/dir/na%20me.txt?x=1` }, await options());
		const [source] = copy.sources;
		expect(source).toMatchObject({ name: "na me.txt", isDirectory: false });
		expect(source?.entries).toMatchObject([
			{ path: "", type: "file", mode: 0o600, size: 5, mtime: Date.parse(DATE) / 1000, digest: sha256("hello") },
		]);
		expect(readFileSync(source?.entries[0]?.source ?? "", "utf8")).toBe("hello");
	});

	test("is asked for once and not sent again while it has not changed", async () => {
		const content = { text: "one" };
		const { url, requests } = await fileSite(content);
		const shared = await options();
		const ask = () => copyOfUrl({ kind: "url", url: `${url}/f` }, shared);
		const first = await ask();
		expect((await ask()).digest).toBe(first.digest);
		expect(requests.map(({ headers }) => headers["if-none-match"])).toEqual([undefined, '"one"']);
		content.text = "two";
		expect((await ask()).digest).not.toBe(first.digest);
		expect((await ask()).sources[0]?.entries[0]?.digest).toBe(sha256("two"));
	});

	test("with a checksum that is known asks nobody; with another one both are named", async () => {
		const { url, requests } = await fileSite({ text: "hello" });
		const shared = await options();
		const origin = { kind: "url", url: `${url}/f`, checksum: sha256("hello") } as const;
		await copyOfUrl(origin, shared);
		await copyOfUrl(origin, shared);
		expect(requests.length).toBe(1);
		await expect(copyOfUrl({ ...origin, checksum: sha256("other") }, shared)).rejects.toMatchObject({
			code: "SOURCE_CHECKSUM",
			details: [`expected ${sha256("other")}`, `got      ${sha256("hello")}`],
		});
	});

	test("offline is what was fetched before", async () => {
		const { url, requests } = await fileSite({ text: "hello" });
		const shared = await options();
		const origin = { kind: "url", url: `${url}/f` } as const;
		await expect(copyOfUrl(origin, { ...shared, offline: true })).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE" });
		const { digest } = await copyOfUrl(origin, shared);
		expect((await copyOfUrl(origin, { ...shared, offline: true })).digest).toBe(digest);
		expect(requests.length).toBe(1);
	});

	test("of a server in trouble is asked for again, and its status said in the end", async () => {
		const { url, requests } = await site((_request, response) => void response.writeHead(503).end());
		await expect(copyOfUrl({ kind: "url", url: `${url}/f` }, await options())).rejects.toMatchObject({
			code: "SOURCE_UNAVAILABLE",
			message: expect.stringContaining(": the server answers with status 503"),
		});
		expect(requests.length).toBe(3);
	});

	test("goes through the proxy", async () => {
		const { url } = await fileSite({ text: "hello" });
		const way = await proxy(url);
		await copyOfUrl({ kind: "url", url: "http://files.example/f" }, await options({ proxy: { http: way.url } }));
		expect(way.seen).toEqual(["GET http://files.example/f"]);
	});

	test("that is not there, or cut off, is no file, and its password is not said", async () => {
		const missing = await site((_request, response) => void response.writeHead(404).end());
		const address = missing.url.replace("http://", "http://me:secret@");
		const error = await copyOfUrl({ kind: "url", url: `${address}/f` }, await options()).catch(
			(thrown: Error) => thrown,
		);
		expect(error).toMatchObject({ code: "SOURCE_UNAVAILABLE", message: expect.stringContaining("status 404") });
		expect(String(error)).not.toContain("secret");
		const torn = await site((_request, response) => cut(response, 200, { "content-length": 10 }, Buffer.from("12345")));
		const shared = await options();
		await expect(copyOfUrl({ kind: "url", url: `${torn.url}/f` }, shared)).rejects.toMatchObject({
			code: "SOURCE_UNAVAILABLE",
		});
		expect(statSync(shared.store.downloadsDir).isDirectory()).toBe(true);
	});
});

test.each([
	["http://host/a/b.tar.gz", "b.tar.gz"],
	["http://host/a/b/", "b"],
	["http://host", "__unnamed__"],
	["http://host/?file=x", "__unnamed__"],
	["http://host/%E4%zz", "%E4%zz"],
])("%s is named %s", (url, name) => {
	expect(fileNameOf(url)).toBe(name);
});
