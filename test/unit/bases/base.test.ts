/** The whole way from FROM to the store, against local servers and with real disks. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { resolveBase } from "../../../src/bases/index.ts";
import { parseMap } from "../../../src/bases/map.ts";
import { NodebuildError } from "../../../src/errors.ts";
import { info } from "../../../src/layers/qcow2.ts";
import type { BaseMap } from "../../../src/plan/base-map.ts";
import { cut, files, options, site, temporaryFolder, temporaryStore } from "./server.ts";

const hash = (data: Uint8Array, algorithm = "sha256"): string => createHash(algorithm).update(data).digest("hex");
const qemuImg = (...args: string[]) => execFileSync("qemu-img", args, { stdio: "ignore" });

async function disk(format: string, ...more: string[]): Promise<{ readonly path: string; readonly data: Buffer }> {
	const folder = await temporaryFolder();
	const raw = join(folder, "in.raw");
	await writeFile(raw, partitioned());
	await truncate(raw, 4 << 20);
	const path = join(folder, `disk.${format}`);
	qemuImg("convert", "-f", "raw", "-O", format, ...more, raw, path);
	return { path, data: await readFile(path) };
}

/** A first sector with an MBR and one partition. */
function partitioned(): Buffer {
	const sector = Buffer.alloc(512);
	sector[450] = 0x83;
	sector.writeUInt16LE(0xaa55, 510);
	return sector;
}

async function mapOf(url: string, over: object = {}, keys: object = {}): Promise<BaseMap> {
	const source = { kind: "image", url: `${url}/disk-{arch}.qcow2`, ...over };
	const entry = {
		title: "Test",
		family: "debian",
		defaultUser: "tester",
		architectures: { amd64: "x86" },
		sources: [source],
	};
	return parseMap({ version: 1, keys, bases: { "test:1": entry } }, "test");
}

describe("FROM a known name", () => {
	test("fetches, checks, keeps, and asks nobody the next time", async () => {
		const { data } = await disk("qcow2");
		const sums = `${hash(data, "sha512")}  disk-x86.qcow2\n`;
		const { url, requests } = await site(files({ "/disk-x86.qcow2": data, "/SHA512SUMS": sums }));
		const store = await temporaryStore();
		const map = await mapOf(url, { checksum: { url: `${url}/SHA512SUMS`, algorithm: "sha512" } });
		const how = await options(store, { map });
		const base = await resolveBase("test:1", how);
		expect(base).toMatchObject({
			digest: `sha256:${hash(data)}`,
			ref: "test:1",
			family: "debian",
			architecture: "amd64",
			defaultUser: "tester",
			source: `${url}/disk-x86.qcow2`,
			sourceFormat: "qcow2",
			virtualSize: 4 << 20,
			verified: "sha512",
		});
		expect((await readFile(base.disk)).equals(data)).toBe(true);
		const asked = requests.length;
		expect(await resolveBase("test:1", { ...how, offline: true })).toEqual(base);
		expect(requests).toHaveLength(asked);
		expect(await readdir(store.downloadsDir)).toEqual([]);
	});

	test("a wrong checksum names both digests and keeps nothing; what was good before stays", async () => {
		const good = await disk("qcow2");
		const evil = Buffer.concat([good.data, Buffer.from("!")]);
		const content: Record<string, Uint8Array | string> = {
			"/disk-x86.qcow2": good.data,
			"/SUMS": `SHA256 (disk-x86.qcow2) = ${hash(good.data)}\n`,
		};
		const { url } = await site((request, response) => files(content)(request, response));
		const store = await temporaryStore();
		const how = await options(store, {
			map: await mapOf(url, { checksum: { url: `${url}/SUMS`, algorithm: "sha256" } }),
		});
		const base = await resolveBase("test:1", how);
		content["/disk-x86.qcow2"] = evil;
		content["/SUMS"] = `${"0".repeat(64)}  disk-x86.qcow2\n`;
		await expect(resolveBase("test:1", { ...how, refresh: true })).rejects.toMatchObject({
			code: "BASE_CHECKSUM",
			details: [`expected sha256:${"0".repeat(64)}`, `got      sha256:${hash(evil)}`],
		});
		expect(await readdir(store.downloadsDir)).toEqual([]);
		expect(await resolveBase("test:1", how)).toEqual(base);
		expect((await readFile(base.disk)).equals(good.data)).toBe(true);
	});

	test("an unfinished download goes on in the next build", async () => {
		const { data } = await disk("qcow2");
		const whole = files({ "/disk-x86.qcow2": data, "/SUMS": `${hash(data)}  disk-x86.qcow2\n` });
		let broken = true;
		const { url, requests } = await site((request, response) => {
			if (!broken || request.url === "/SUMS") return whole(request, response);
			if (request.headers.range !== undefined) return void response.writeHead(503).end();
			const etag = `"${hash(data).slice(0, 16)}"`;
			cut(response, 200, { etag, "content-length": data.length }, data.subarray(0, 70_000));
		});
		const store = await temporaryStore();
		const how = await options(store, {
			map: await mapOf(url, { checksum: { url: `${url}/SUMS`, algorithm: "sha256" } }),
		});
		await expect(resolveBase("test:1", how)).rejects.toMatchObject({ code: "BASE_UNAVAILABLE" });
		expect(await readdir(store.downloadsDir)).toHaveLength(2);
		broken = false;
		const base = await resolveBase("test:1", how);
		// How much of what was sent arrived before the end is the network's to say.
		expect(requests.at(-1)?.headers.range).toMatch(/^bytes=[1-9]\d{0,4}-$/);
		expect((await readFile(base.disk)).equals(data)).toBe(true);
	});

	test("offline without it, an unreachable vendor, a forbidden source: each says what to do", async () => {
		const store = await temporaryStore();
		const map = await mapOf("http://127.0.0.1:1");
		const how = await options(store, { map });
		const at = { file: "Nodefile", line: 3, column: 6, text: "FROM test:1" };
		const hint = async (asked: Promise<unknown>): Promise<string | undefined> => {
			const error = await asked.then(
				() => new Error("it should have failed"),
				(caught: unknown) => caught,
			);
			if (!(error instanceof NodebuildError)) throw error;
			expect([error.code, error.at]).toEqual(["BASE_UNAVAILABLE", at]);
			return error.hint;
		};
		expect(await hint(resolveBase("test:1", { ...how, at, offline: true }))).toContain("bases build test:1");
		expect(await hint(resolveBase("test:1", { ...how, at }))).toContain("https_proxy");
		expect(await hint(resolveBase("test:1", { ...how, at, source: "bootstrap" }))).toContain("NODEBUILD_BASE_SOURCE");
		expect(await hint(resolveBase("rhel:9", { ...(await options(store)), at }))).toContain("FROM ./");
		expect(await hint(resolveBase("test:1", { ...how, at, platform: "linux/arm64" }))).toContain("--platform");
	});

	test("a checksum file in trouble is asked for again, though there is another source", async () => {
		const { data } = await disk("qcow2");
		const content = files({ "/disk-x86.qcow2": data, "/SUMS": `${hash(data)}  disk-x86.qcow2\n` });
		let failures = 2;
		const { url } = await site((request, response) => {
			if (failures-- > 0) return void response.writeHead(503).end();
			content(request, response);
		});
		const map = await mapOf(url, { checksum: { url: `${url}/SUMS`, algorithm: "sha256" } });
		const entry = map.bases["test:1"];
		if (entry === undefined) throw new Error("the map changed");
		const twice = { ...map, bases: { "test:1": { ...entry, sources: [...entry.sources, ...entry.sources] } } };
		const how = await options(await temporaryStore(), { map: twice });
		expect(await resolveBase("test:1", how)).toMatchObject({ verified: "sha256" });
		expect(how.slept).toHaveLength(2);
	});

	test("without a cloud image the packages are next, and say why in one line", async () => {
		const store = await temporaryStore();
		const map = await mapOf("http://127.0.0.1:1");
		const entry = map.bases["test:1"];
		const source = (await options(store)).map.bases["debian:12"]?.sources.find(({ kind }) => kind === "bootstrap");
		if (entry === undefined || source === undefined) throw new Error("the maps changed");
		const both = { ...map, bases: { "test:1": { ...entry, sources: [...entry.sources, source] } } };
		const how = await options(store, { map: both, aptDirectory: await temporaryFolder() });
		await expect(resolveBase("test:1", how)).rejects.toMatchObject({
			code: "BASE_UNAVAILABLE",
			message: expect.stringContaining("mirror of debian"),
			details: [expect.stringContaining("127.0.0.1:1")],
		});
		const lines = how.events.filter(({ type }) => type === "info");
		expect(lines).toEqual([
			{ type: "info", message: expect.stringMatching(/no cloud image of test:1: .*refused.*package mirror/) },
		]);
	});
});

describe("signatures", () => {
	async function signer() {
		const home = await temporaryFolder();
		const gpg = (...args: string[]): Buffer =>
			execFileSync("gpg", ["--homedir", home, "--batch", "--quiet", ...args], { stdio: ["ignore", "pipe", "ignore"] });
		gpg("--passphrase", "", "--quick-generate-key", "Vendor <v@example>", "ed25519", "sign", "never");
		const listing = gpg("--with-colons", "--list-keys").toString();
		const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listing)?.[1] ?? "";
		const keyring = join(home, "public.asc");
		await writeFile(keyring, gpg("--armor", "--export"));
		const sign = async (text: string, how: "--detach-sign" | "--clear-sign"): Promise<Buffer> => {
			const file = join(home, "text");
			await writeFile(file, text);
			return gpg("--armor", "--output", "-", how, file);
		};
		execFileSync("gpgconf", ["--homedir", home, "--kill", "all"]);
		return { fingerprint, keyring, sign };
	}

	test("that are good are recorded", async () => {
		const { fingerprint, keyring, sign } = await signer();
		const { data } = await disk("qcow2");
		const sums = `SHA256 (disk-x86.qcow2) = ${hash(data)}\n`;
		const key = { vendor: { fingerprints: [fingerprint], keyrings: [keyring] } };
		const clear = await site(files({ "/disk-x86.qcow2": data, "/SUMS": await sign(sums, "--clear-sign") }));
		const clearMap = await mapOf(
			clear.url,
			{
				checksum: { url: `${clear.url}/SUMS`, algorithm: "sha256", signature: { kind: "clearsigned", key: "vendor" } },
			},
			key,
		);
		expect(await resolveBase("test:1", await options(await temporaryStore(), { map: clearMap }))).toMatchObject({
			verified: "sha256+gpg",
		});

		const two = await site(
			files({
				"/disk-x86.qcow2": data,
				"/SUMS": sums,
				"/SUMS.asc": await sign(sums, "--detach-sign"),
				"/key": await readFile(keyring),
			}),
		);
		const signature = { kind: "detached", key: "vendor" };
		const published = { vendor: { fingerprints: [fingerprint], url: `${two.url}/key` } };
		const map = await mapOf(
			two.url,
			{ checksum: { url: `${two.url}/SUMS`, algorithm: "sha256", signature } },
			published,
		);
		expect(await resolveBase("test:1", await options(await temporaryStore(), { map }))).toMatchObject({
			verified: "sha256+gpg",
		});
	});

	test("that do not fit the file, or are by another key, stop the build", async () => {
		const vendor = await signer();
		const other = await signer();
		const { data } = await disk("qcow2");
		const sums = `${hash(data)}  disk-x86.qcow2\n`;
		const checksum = (url: string) => ({
			checksum: { url: `${url}/SUMS`, algorithm: "sha256", signature: { kind: "detached", key: "vendor" } },
		});
		const forged = await site(files({ "/SUMS": sums, "/SUMS.asc": await vendor.sign("other text", "--detach-sign") }));
		const key = { vendor: { fingerprints: [vendor.fingerprint], keyrings: [vendor.keyring] } };
		await expect(
			resolveBase(
				"test:1",
				await options(await temporaryStore(), { map: await mapOf(forged.url, checksum(forged.url), key) }),
			),
		).rejects.toMatchObject({ code: "BASE_SIGNATURE" });
		const wrong = await site(files({ "/SUMS": sums, "/SUMS.asc": await other.sign(sums, "--detach-sign") }));
		const both = { vendor: { fingerprints: [vendor.fingerprint], keyrings: [vendor.keyring, other.keyring] } };
		await expect(
			resolveBase(
				"test:1",
				await options(await temporaryStore(), { map: await mapOf(wrong.url, checksum(wrong.url), both) }),
			),
		).rejects.toMatchObject({ code: "BASE_SIGNATURE", message: expect.stringContaining(other.fingerprint) });
		const unknown = await mapOf(wrong.url, checksum(wrong.url), key);
		await expect(resolveBase("test:1", await options(await temporaryStore(), { map: unknown }))).rejects.toMatchObject({
			code: "BASE_SIGNATURE",
			message: expect.stringContaining(other.fingerprint.slice(-16)),
		});
		const withheld = await site(files({ "/SUMS": sums, "/disk-x86.qcow2": data }));
		const map = await mapOf(withheld.url, checksum(withheld.url), key);
		await expect(resolveBase("test:1", await options(await temporaryStore(), { map }))).rejects.toMatchObject({
			code: "BASE_SIGNATURE",
			message: expect.stringContaining("/SUMS.asc, got no such file"),
		});
	});

	test("that cannot be checked are said to be so, and the digest still counts", async () => {
		const { fingerprint } = await signer();
		const { data } = await disk("qcow2");
		const { url } = await site(
			files({ "/disk-x86.qcow2": data, "/SUMS": `${hash(data)}  disk-x86.qcow2\n`, "/SUMS.asc": "none" }),
		);
		const checksum = { url: `${url}/SUMS`, algorithm: "sha256", signature: { kind: "detached", key: "vendor" } };
		const how = await options(await temporaryStore(), {
			map: await mapOf(url, { checksum }, { vendor: { fingerprints: [fingerprint] } }),
		});
		expect(await resolveBase("test:1", how)).toMatchObject({ verified: "sha256" });
		expect(how.events).toContainEqual({ type: "info", message: expect.stringContaining("was not checked") });
	});
});

describe("FROM an address", () => {
	test.each(["SHA256SUMS", "CHECKSUM", "disk.qcow2.sha256"])("finds its checksum in %s", async (name) => {
		const { data } = await disk("qcow2");
		const { url } = await site(files({ "/a/disk.qcow2": data, [`/a/${name}`]: `${hash(data)} *disk.qcow2\n` }));
		const base = await resolveBase(`${url}/a/disk.qcow2`, await options(await temporaryStore()));
		expect(base).toMatchObject({ ref: `${url}/a/disk.qcow2`, verified: "sha256" });
	});

	test.each([true, false])(
		"with the same content as another is found by both, also offline; listed: %s",
		async (listed) => {
			const { data } = await disk("qcow2");
			const sums = listed
				? { "/a/SHA256SUMS": `${hash(data)}  disk.qcow2\n`, "/b/SHA256SUMS": `${hash(data)}  disk.qcow2\n` }
				: {};
			const { url } = await site(files({ "/a/disk.qcow2": data, "/b/disk.qcow2": data, ...sums }));
			const how = await options(await temporaryStore());
			for (const offline of [false, true])
				for (const folder of ["a", "b"]) {
					const ref = `${url}/${folder}/disk.qcow2`;
					const base = await resolveBase(ref, { ...how, offline });
					expect(base).toMatchObject({ ref, source: ref, digest: `sha256:${hash(data)}` });
				}
			expect(await how.store.bases.list()).toHaveLength(1);
		},
	);

	test("a checksum file that does not list it is not called absent", async () => {
		const { data } = await disk("qcow2");
		const content = { "/a/disk.qcow2": data, "/a/SHA256SUMS": `${"0".repeat(64)}  other.qcow2\n` };
		const { url } = await site(files(content));
		const how = await options(await temporaryStore());
		await resolveBase(`${url}/a/disk.qcow2`, how);
		expect(how.events).toContainEqual({
			type: "warning",
			message: expect.stringContaining(`${url}/a/SHA256SUMS does not list disk.qcow2`),
		});
	});

	test("a server that is in trouble for a moment is asked again, and its status said in the end", async () => {
		const { data } = await disk("qcow2");
		const content = files({ "/disk.qcow2": data, "/SHA256SUMS": `${hash(data)}  disk.qcow2\n` });
		let failures = 2;
		const { url } = await site((request, response) => {
			if (failures-- > 0) return void response.writeHead(503).end();
			content(request, response);
		});
		const how = await options(await temporaryStore());
		expect(await resolveBase(`${url}/disk.qcow2`, how)).toMatchObject({ verified: "sha256" });
		expect(how.slept).toHaveLength(2);
		failures = Number.POSITIVE_INFINITY;
		await expect(resolveBase(`${url}/other.qcow2`, how)).rejects.toMatchObject({
			code: "BASE_UNAVAILABLE",
			message: expect.stringContaining("the server answers with status 503"),
		});
	});

	test("warns when none is there, obeys a pin, and names both digests against it", async () => {
		const { data } = await disk("vmdk");
		const { url } = await site(files({ "/debian.vmdk": data }));
		const store = await temporaryStore();
		const how = await options(store);
		await expect(resolveBase(`${url}/debian.vmdk#sha256=${"1".repeat(64)}`, how)).rejects.toMatchObject({
			code: "BASE_CHECKSUM",
			details: [`expected sha256:${"1".repeat(64)}`, `got      sha256:${hash(data)}`],
		});
		expect(await store.bases.list()).toEqual([]);
		expect(how.events.filter(({ type }) => type === "warning")).toEqual([]);
		const base = await resolveBase(`${url}/debian.vmdk`, how);
		expect(base).toMatchObject({ verified: "unverified", sourceFormat: "vmdk", family: "debian" });
		expect((await info(base.disk)).format).toBe("qcow2");
		expect(how.events.filter(({ type }) => type === "warning")).toHaveLength(1);
	});

	test("refuses a downloaded disk that leans on a file of the host", async () => {
		const folder = await temporaryFolder();
		const overlay = join(folder, "over.qcow2");
		qemuImg("create", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", overlay, "1M");
		const { url } = await site(files({ "/over.qcow2": await readFile(overlay) }));
		const store = await temporaryStore();
		await expect(resolveBase(`${url}/over.qcow2`, await options(store))).rejects.toMatchObject({
			code: "BASE_UNAVAILABLE",
			message: expect.stringContaining("backing file"),
		});
		expect(await store.bases.list()).toEqual([]);
	});
});

describe("FROM a file", () => {
	test.each([
		["qcow2", []],
		["vmdk", ["-o", "subformat=streamOptimized"]],
		["vhdx", []],
		["raw", []],
	] as const)("takes %s, as a qcow2, and leaves the user's file alone", async (format, more) => {
		const { path, data } = await disk(format, ...more);
		const base = await resolveBase(path, await options(await temporaryStore()));
		expect(base).toMatchObject({
			digest: `sha256:${hash(data)}`,
			sourceFormat: format,
			source: path,
			verified: "unverified",
		});
		expect(await info(base.disk)).toMatchObject({ format: "qcow2", virtualSize: 4 << 20 });
		expect((await readFile(path)).equals(data)).toBe(true);
	});

	test("is not read again while it is unchanged, and is when it changed", async () => {
		const { path } = await disk("raw");
		await utimes(path, new Date(1e12), new Date(1e12));
		const store = await temporaryStore();
		const how = await options(store);
		const first = await resolveBase(path, how);
		const reads = () => how.events.filter(({ type }) => type === "task-start").length;
		expect(reads()).toBe(1);
		expect(await resolveBase(path, how)).toEqual(first);
		expect(reads()).toBe(1);
		await writeFile(path, Buffer.concat([partitioned(), Buffer.alloc(1 << 20)]));
		expect((await resolveBase(path, how)).digest).not.toBe(first.digest);
	});

	test("flattens a disk that stands on another", async () => {
		const { path: below } = await disk("qcow2");
		const path = join(await temporaryFolder(), "over.qcow2");
		qemuImg("create", "-f", "qcow2", "-b", below, "-F", "qcow2", path);
		const base = await resolveBase(path, await options(await temporaryStore()));
		expect((await info(base.disk)).backingName).toBeUndefined();
	});

	test.each([
		["backing file", ["-F", "raw", "-b"]],
		["external data file", ["-o"]],
	] as const)("is another when its %s has changed", async (_what, how) => {
		const folder = await temporaryFolder();
		const other = join(folder, "other.raw");
		const path = join(folder, "disk.qcow2");
		if (how[0] === "-o") qemuImg("create", "-f", "qcow2", "-o", `data_file=${other}`, path, "1M");
		await writeFile(other, Buffer.alloc(1 << 20, 1));
		if (how[0] !== "-o") qemuImg("create", "-f", "qcow2", ...how, other, path);
		const store = await temporaryStore();
		const first = await resolveBase(path, await options(store));
		expect((await resolveBase(path, await options(store))).digest).toBe(first.digest);
		await writeFile(other, Buffer.alloc(1 << 20, 2));
		expect((await resolveBase(path, await options(store))).digest).not.toBe(first.digest);
	});

	test("that ends too early, or is damaged, is refused by its own name", async () => {
		const { path } = await disk("qcow2");
		const folder = await temporaryFolder();
		const qcow2 = join(folder, "short.qcow2");
		qemuImg("convert", "-f", "raw", "-O", "qcow2", path, qcow2);
		await truncate(qcow2, (await stat(qcow2)).size - (128 << 10));
		const torn = join(folder, "torn.qcow2");
		qemuImg("convert", "-f", "raw", "-O", "qcow2", path, torn);
		const bytes = await readFile(torn);
		const tables = Number(bytes.readBigUInt64BE(40));
		bytes.writeBigUInt64BE(0x8000_0000_0000_0301n, tables);
		await writeFile(torn, bytes);
		const raw = join(folder, "short.raw");
		const table = Buffer.alloc(1 << 20);
		table.writeUInt16LE(0xaa55, 510);
		table.write("EFI PART", 512, "latin1");
		table.writeBigUInt64LE(BigInt((10 << 20) / 512 - 1), 544);
		await writeFile(raw, table);
		const store = await temporaryStore();
		for (const file of [qcow2, torn, raw]) {
			await expect(resolveBase(file, await options(store)), file).rejects.toMatchObject({
				code: "BASE_UNAVAILABLE",
				message: expect.stringContaining(basename(file)),
			});
		}
		expect(await store.bases.list()).toEqual([]);
	});

	test("is held against a pin", async () => {
		const { path, data } = await disk("qcow2");
		const store = await temporaryStore();
		const good = await resolveBase(`${path}#sha256=${hash(data)}`, await options(store));
		expect(good.verified).toBe("sha256");
		await expect(resolveBase(`${path}#sha256=${"2".repeat(64)}`, await options(store))).rejects.toMatchObject({
			code: "BASE_CHECKSUM",
		});
		expect((await stat(path)).size).toBe(data.length);
	});

	test("of no known format is refused, whatever its name", async () => {
		const folder = await temporaryFolder();
		const store = await temporaryStore();
		for (const [name, content] of [
			["a.raw", Buffer.alloc(4096)],
			["b.img", "text"],
			["c.qcow2.xz", "xz"],
			["d.qcow2", partitioned()],
		] as const) {
			await writeFile(join(folder, name), content);
			await expect(resolveBase(`./${name}`, await options(store, { directory: folder }))).rejects.toMatchObject({
				code: "UNSUPPORTED",
			});
		}
		await expect(resolveBase("./none.qcow2", await options(store, { directory: folder }))).rejects.toMatchObject({
			code: "BASE_UNAVAILABLE",
		});
		await expect(resolveBase(folder, await options(store))).rejects.toMatchObject({ code: "BASE_UNAVAILABLE" });
	});
});
