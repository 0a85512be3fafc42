import { randomBytes } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type DownloadOptions, download, sidecarOf } from "../../../src/net/download.ts";
import { pause } from "../../../src/net/retry.ts";
import { cut, files, site, temporaryFolder } from "../bases/server.ts";

const content = randomBytes(300_000);
const slept: number[] = [];
const patient: DownloadOptions = {
	http: { proxy: {}, connectTimeout: 2000, idleTimeout: 2000 },
	retry: { retries: 3, base: 100, longest: 1000, random: () => 0, sleep: async (ms) => void slept.push(ms) },
};
const target = async (): Promise<string> => join(await temporaryFolder(), "sub", "disk.qcow2");

describe("download", () => {
	test("fetches, reports progress, and leaves nothing beside the file", async () => {
		const { url } = await site(files({ "/disk": content }));
		const file = await target();
		const seen: (readonly [number, number | undefined])[] = [];
		await download(`${url}/disk`, file, { ...patient, onProgress: (...now) => seen.push(now) });
		expect((await readFile(file)).equals(content)).toBe(true);
		expect(seen.at(-1)).toEqual([content.length, content.length]);
		await expect(stat(sidecarOf(file))).rejects.toThrow();
	});

	test("goes on where a cut connection left it", async () => {
		const whole = files({ "/disk": content });
		let tries = 0;
		const { url, requests } = await site((request, response) => {
			if (++tries > 1) return whole(request, response);
			const etag = '"changed-below"';
			cut(response, 200, { etag, "content-length": content.length }, content.subarray(0, 100_000));
		});
		const file = await target();
		await download(`${url}/disk`, file, patient);
		expect((await readFile(file)).equals(content)).toBe(true);
		expect(requests[1]?.headers).toMatchObject({
			range: expect.stringMatching(/^bytes=\d+-$/),
			"if-range": '"changed-below"',
		});
	});

	test("asks for the rest only, when the content is the same", async () => {
		const whole = files({ "/disk": content });
		let tries = 0;
		const { url, requests } = await site((request, response) => {
			if (++tries > 1) return whole(request, response);
			const end = response.end.bind(response);
			response.end = ((data: Uint8Array) => {
				response.write(data.subarray(0, 120_000), () => setTimeout(() => response.destroy(), 20));
				return response;
			}) as typeof end;
			whole(request, response);
		});
		const file = await target();
		const seen: number[] = [];
		await download(`${url}/disk`, file, { ...patient, onProgress: (now) => seen.push(now) });
		expect((await readFile(file)).equals(content)).toBe(true);
		expect(requests).toHaveLength(2);
		expect(Math.min(...seen)).toBeGreaterThan(0);
		// How much of what was sent arrived before the end is the network's to say.
		expect(requests[1]?.headers.range).toMatch(/^bytes=[1-9]\d{0,5}-$/);
	});

	test("begins anew when the content changed, or the server ignores ranges", async () => {
		const { url } = await site((_request, response) => {
			response.writeHead(200, { "content-length": content.length }).end(content);
		});
		const file = await target();
		const address = `${url}/disk`;
		await download(address, file, patient);
		await writeFile(file, "old part");
		await writeFile(
			sidecarOf(file),
			JSON.stringify({ version: 1, url: address, etag: '"old"', total: content.length }),
		);
		await download(address, file, patient);
		expect((await readFile(file)).equals(content)).toBe(true);
	});

	test("does not trust a part that belongs to another address, or has no validator", async () => {
		const { url, requests } = await site(files({ "/disk": content }));
		const file = await target();
		await download(`${url}/disk`, file, patient);
		await writeFile(file, "part");
		await writeFile(sidecarOf(file), JSON.stringify({ version: 1, url: "http://else/disk", etag: '"x"' }));
		await download(`${url}/disk`, file, patient);
		expect(requests[1]?.headers.range).toBeUndefined();
		expect((await readFile(file)).equals(content)).toBe(true);
	});

	test("tries again with growing pauses, then gives up and keeps the part", async () => {
		slept.length = 0;
		const { url, requests } = await site((_request, response) => {
			response.writeHead(503).end();
		});
		const file = await target();
		await expect(download(`${url}/disk`, file, patient)).rejects.toMatchObject({ name: "HttpConnectionError" });
		expect(requests).toHaveLength(4);
		expect(slept).toEqual([50, 100, 200]);
	});

	test("a server that goes on giving a little is not given up", async () => {
		const step = 40_000;
		const { url, requests } = await site((request, response) => {
			const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
			const rest = content.length - from;
			const headers = {
				etag: '"same"',
				"content-length": rest,
				"content-range": `bytes ${from}-${content.length - 1}/${content.length}`,
			};
			if (rest <= step) return void response.writeHead(206, headers).end(content.subarray(from));
			cut(response, from === 0 ? 200 : 206, headers, content.subarray(from, from + step));
		});
		const file = await target();
		await download(`${url}/disk`, file, patient);
		expect((await readFile(file)).equals(content)).toBe(true);
		expect(requests.length).toBeGreaterThan(4);
	});

	test("a refusal is final and says its status", async () => {
		const { url, requests } = await site(files({}));
		await expect(download(`${url}/disk`, await target(), patient)).rejects.toMatchObject({
			code: "BASE_UNAVAILABLE",
			message: expect.stringContaining("404"),
		});
		expect(requests).toHaveLength(1);
	});

	test("an idle connection counts as broken", async () => {
		let tries = 0;
		const whole = files({ "/disk": content });
		const { url } = await site((request, response) => {
			if (++tries > 1) return whole(request, response);
			response.writeHead(200, { "content-length": content.length }).write("x");
		});
		const file = await target();
		await download(`${url}/disk`, file, { ...patient, http: { ...patient.http, idleTimeout: 100 } });
		expect((await readFile(file)).equals(content)).toBe(true);
	});

	test("stops when told to, and keeps the part", async () => {
		const stop = new AbortController();
		const { url } = await site((_request, response) => {
			response.writeHead(200, { etag: '"a"', "content-length": content.length }).write(content.subarray(0, 1000));
		});
		const file = await target();
		const running = download(`${url}/disk`, file, {
			...patient,
			http: { ...patient.http, signal: stop.signal },
			onProgress: () => stop.abort(new Error("stop")),
		});
		await expect(running).rejects.toThrow("stop");
		expect((await stat(file)).size).toBeGreaterThan(0);
	});
});

test("pauses double up to the longest, half of each by chance", () => {
	const policy = { retries: 9, base: 100, longest: 500, sleep: async () => undefined };
	const of = (chance: number) => [1, 2, 3, 4, 5].map((n) => pause(n, { ...policy, random: () => chance }));
	expect(of(0)).toEqual([50, 100, 200, 250, 250]);
	expect(of(1)).toEqual([100, 200, 400, 500, 500]);
});
