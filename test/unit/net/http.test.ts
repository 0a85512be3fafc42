import { execFile, execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { describe, expect, onTestFinished, test } from "vitest";
import { get, getText, type HttpOptions } from "../../../src/net/http.ts";
import { proxyFor } from "../../../src/net/proxy.ts";
import { files, proxy, refusingProxy, site, temporaryFolder } from "../bases/server.ts";

const plain: HttpOptions = { proxy: {}, connectTimeout: 2000, idleTimeout: 2000 };

/** An https server with a certificate that nobody trusts. */
async function secureSite(): Promise<{ readonly url: string; readonly certificate: string }> {
	const folder = await temporaryFolder();
	const subject = ["-subj", "/CN=vendor.example", "-addext", "subjectAltName=DNS:vendor.example"];
	const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", join(folder, "key")];
	execFileSync("openssl", ["req", "-x509", ...key, "-out", join(folder, "cert"), "-days", "2", ...subject], {
		stdio: "ignore",
	});
	const server = createServer(
		{ key: await readFile(join(folder, "key")), cert: await readFile(join(folder, "cert")) },
		(request, response) => response.end(`secret of ${request.headers.host}${request.url}`),
	);
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	onTestFinished(() => void server.close());
	return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, certificate: join(folder, "cert") };
}

describe("get", () => {
	test("follows redirects, relative ones too, and says where it ended", async () => {
		const content = files({ "/end": "there" });
		const { url } = await site((request, response) => {
			if (request.url === "/start") return void response.writeHead(302, { location: "middle" }).end();
			if (request.url === "/middle") return void response.writeHead(307, { location: "/end" }).end();
			content(request, response);
		});
		const response = await get(`${url}/start`, plain);
		expect(response).toMatchObject({ status: 200, url: `${url}/end` });
		response.body.destroy();
	});

	test("gives up on a ring of redirects", async () => {
		const { url, requests } = await site((_request, response) => {
			response.writeHead(302, { location: "/again" }).end();
		});
		await expect(get(url, plain)).rejects.toMatchObject({
			name: "HttpConnectionError",
			message: expect.stringMatching(/^it redirects for ever: 10 times, and then to http:.*\/again \(127/),
			isHopeless: true,
		});
		expect(requests.length).toBe(11);
	});

	test("a refused connection, an unknown name and silence are told apart", async () => {
		const { url } = await site(() => undefined);
		await expect(get(url, { ...plain, connectTimeout: 100 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
		await expect(get("http://127.0.0.1:1/x", plain)).rejects.toMatchObject({ code: "ECONNREFUSED" });
		await expect(get("http://name.invalid/x", plain)).rejects.toMatchObject({
			code: expect.stringMatching(/^E(NOTFOUND|AI_AGAIN)$/),
		});
	});

	test("small texts: what is not there is undefined, a server in trouble is an error", async () => {
		const { url } = await site((request, response) => {
			response.writeHead(request.url === "/sick" ? 502 : 404).end();
		});
		expect(await getText(`${url}/none`, plain)).toBeUndefined();
		await expect(getText(`${url}/sick`, plain)).rejects.toMatchObject({
			name: "HttpConnectionError",
			message: `the server answers with status 502 (${new URL(url).host})`,
			isHopeless: false,
		});
	});
});

describe("proxies", () => {
	test("are asked for http addresses, with their password", async () => {
		const { url } = await site(files({ "/x": "through" }));
		const through = await proxy(url);
		const settings = { http: through.url.replace("//", "//me:p%40ss@") };
		expect(await getText("http://vendor.example/x", { ...plain, proxy: settings })).toBe("through");
		expect(through.seen).toEqual(["GET http://vendor.example/x"]);
		expect(through.authorizations).toEqual([`Basic ${Buffer.from("me:p@ss").toString("base64")}`]);
	});

	test("tunnel https, in which the vendor's certificate still counts", async () => {
		const through = await proxy((await secureSite()).url);
		const asked = getText("https://vendor.example/x", { ...plain, proxy: { https: through.url } });
		await expect(asked).rejects.toMatchObject({ name: "HttpConnectionError", code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
		expect(through.seen).toEqual(["CONNECT vendor.example:443"]);
	});

	test("tunnel https to a vendor whose certificate is trusted, under the vendor's name", async () => {
		const { url, certificate } = await secureSite();
		const through = await proxy(url);
		const bundle = join(await temporaryFolder(), "http.mjs");
		const source = new URL("../../../src/net/http.ts", import.meta.url).pathname;
		await build({ entryPoints: [source], bundle: true, platform: "node", format: "esm", outfile: bundle });
		const call = `import { getText } from ${JSON.stringify(bundle)};
			const settings = { proxy: { https: ${JSON.stringify(through.url)} }, connectTimeout: 5000, idleTimeout: 5000 };
			console.log(await getText("https://vendor.example/x", settings));`;
		const env = { ...process.env, NODE_EXTRA_CA_CERTS: certificate };
		// Extra certificates are read when a process starts only.
		const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", call], { env });
		expect(stdout.trim()).toBe("secret of vendor.example/x");
		expect(through.seen).toEqual(["CONNECT vendor.example:443"]);
	});

	test("that refuse are an unreachable vendor", async () => {
		const { url } = await site((_request, response) => void response.writeHead(403).end());
		await expect(getText("https://vendor.example/x", { ...plain, proxy: { https: url } })).rejects.toMatchObject({
			name: "HttpConnectionError",
			message: `the connection was cut (vendor.example, through the proxy ${new URL(url).host})`,
		});
	});

	test.each([
		[403, "the proxy refuses to connect, with status 403", true],
		[407, "the proxy asks for a user and a password", true],
		[503, "the proxy refuses to connect, with status 503", false],
	])("that answer %s say so", async (status, words, isHopeless) => {
		const { url } = await refusingProxy(status);
		await expect(getText("https://vendor.example/x", { ...plain, proxy: { https: url } })).rejects.toMatchObject({
			message: `${words} (vendor.example, through the proxy ${new URL(url).host})`,
			isHopeless,
		});
	});

	test.each(["http", "https"] as const)("that nobody listens on are named: %s", async (scheme) => {
		const settings = { [scheme]: "http://me:secret@127.0.0.1:1" };
		await expect(getText(`${scheme}://vendor.example/x`, { ...plain, proxy: settings })).rejects.toMatchObject({
			code: "ECONNREFUSED",
			message: "the connection was refused (vendor.example, through the proxy 127.0.0.1:1)",
		});
	});

	test.each([
		["socks5h://me:secret@127.0.0.1:1080", "SOCKS proxies are not supported"],
		["http://", "set it to http://HOST:PORT"],
		["ftp://proxy.example", "set it to http://HOST:PORT"],
	])("of another kind are refused: %s", async (https, hint) => {
		const asked = getText("https://vendor.example/x", { ...plain, proxy: { https } });
		const error = await asked.catch((thrown: unknown) => thrown);
		expect(error).toMatchObject({
			code: "USAGE",
			message: expect.stringContaining("https_proxy"),
			hint: expect.stringContaining(hint),
		});
		expect(String(error)).not.toContain("secret");
	});

	test.each([
		["http://a.example/", "", "p:1"],
		["https://a.example/", "", "s:1"],
		["https://a.example/", "example", undefined],
		["https://a.example/", ".example", undefined],
		["https://a.example/", "b.example, a.example", undefined],
		["https://aa.example/", "a.example", "s:1"],
		["https://a.example/", "*", undefined],
		["https://a.example:8443/", "a.example:443", "s:1"],
		["https://a.example/", "a.example:443", undefined],
		["http://127.0.0.1:99/", "localhost,127.0.0.1", undefined],
		["http://[::1]:99/", "::1", undefined],
	])("%s with no_proxy=%s goes through %s", (url, no, expected) => {
		expect(proxyFor(new URL(url), { http: "p:1", https: "s:1", no })?.host).toBe(expected);
	});
});
