import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findArchives, formatSources, parseDeb822, parseOneLine } from "../../../../src/bases/bootstrap/apt-sources.ts";
import { findMirror, readHostSources } from "../../../../src/bases/bootstrap/mirror.ts";
import { builtinMap } from "../../../../src/bases/map.ts";
import { temporaryFolder } from "../server.ts";

const KEY = "/usr/share/keyrings/debian-archive-keyring.gpg";

describe("sources files", () => {
	test("deb822: paragraphs, comments, folded fields, disabled entries", () => {
		const text = `# the archive
Types: deb deb-src
# a snapshot
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: ${KEY}

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

types: deb
uris: http://folded.example/debian
suites:
 bookworm
 bookworm-updates
components: main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
`;
		expect(parseDeb822(text)).toEqual([
			{
				types: ["deb", "deb-src"],
				uris: ["http://mirror.example/debian"],
				suites: ["bookworm", "bookworm-updates"],
				components: ["main", "contrib"],
				signedBy: KEY,
			},
			{
				types: ["deb"],
				uris: ["http://folded.example/debian"],
				suites: ["bookworm", "bookworm-updates"],
				components: ["main"],
				signedBy: "-----BEGIN PGP PUBLIC KEY BLOCK-----\n.\nabc",
			},
		]);
	});

	test("one-line: options, comments, several components", () => {
		const text = `# deb http://off.example/debian bookworm main
deb http://mirror.example/debian/ bookworm main contrib # ours
deb [arch=amd64 signed-by=${KEY}] http://mirror.example/debian-security bookworm-security main
deb-src http://mirror.example/debian bookworm main
`;
		expect(parseOneLine(text)).toEqual([
			{
				types: ["deb"],
				uris: ["http://mirror.example/debian/"],
				suites: ["bookworm"],
				components: ["main", "contrib"],
			},
			{
				types: ["deb"],
				uris: ["http://mirror.example/debian-security"],
				suites: ["bookworm-security"],
				components: ["main"],
				signedBy: KEY,
			},
			{ types: ["deb-src"], uris: ["http://mirror.example/debian"], suites: ["bookworm"], components: ["main"] },
		]);
	});
});

describe("the distribution's own archive", () => {
	const find = (text: string, distribution: "debian" | "ubuntu" = "debian") =>
		findArchives(parseOneLine(text), distribution);

	test("is found with its security archive", () => {
		expect(
			find("deb http://m.example/debian bookworm main\ndeb http://m.example/debian-security bookworm-security main"),
		).toEqual({
			main: "http://m.example/debian",
			security: "http://m.example/debian-security",
			frozen: false,
		});
	});

	test("may be a snapshot, and may lack security", () => {
		expect(
			find("deb [check-valid-until=no] http://snapshot.example/archive/debian/20250520T000000Z/ sid main"),
		).toEqual({
			main: "http://snapshot.example/archive/debian/20250520T000000Z",
			frozen: true,
		});
	});

	test("is not another vendor's repository", () => {
		expect(
			find("deb [signed-by=/etc/apt/keyrings/docker.asc] https://download.docker.example/linux/debian bookworm stable"),
		).toBeUndefined();
		expect(
			find("deb [signed-by=/usr/share/keyrings/yarn.gpg] https://dl.yarn.example/debian stable main"),
		).toBeUndefined();
		expect(find("deb http://apt.postgresql.example/pub/repos/apt bookworm-pgdg main")).toBeUndefined();
	});

	test("goes by its keyring before one that names none", () => {
		const text = `deb http://other.example/debian stable main\ndeb [signed-by=${KEY}] http://real.example/debian bookworm main`;
		expect(find(text)?.main).toBe("http://real.example/debian");
	});

	test("of ubuntu, whose security suite lies in the same archive", () => {
		const text =
			"deb http://archive.example/ubuntu noble main universe\ndeb http://security.example/ubuntu noble-security main";
		expect(find(text, "ubuntu")).toEqual({
			main: "http://archive.example/ubuntu",
			security: "http://security.example/ubuntu",
			frozen: false,
		});
		expect(find(text)).toBeUndefined();
	});
});

test("sources for the image read back as written", () => {
	const archives = [
		{ uri: "http://m.example/debian", suites: ["trixie", "trixie-updates"] },
		{ uri: "http://m.example/debian-security", suites: ["trixie-security"] },
	];
	expect(parseDeb822(formatSources(archives, ["main"], KEY, true))).toEqual(
		archives.map(({ uri, suites }) => ({
			types: ["deb"],
			uris: [uri],
			suites,
			components: ["main"],
			signedBy: KEY,
			frozen: true,
		})),
	);
});

describe("the host's mirror", () => {
	async function apt(
		list: string,
		release = "trixie",
	): Promise<{ readonly folder: string; readonly aptDirectory: string; readonly archive: string }> {
		const folder = await temporaryFolder();
		const archive = join(folder, "debian");
		await mkdir(join(archive, "dists", release), { recursive: true });
		await writeFile(join(archive, "dists", release, "InRelease"), "here");
		const aptDirectory = join(folder, "apt");
		await mkdir(join(aptDirectory, "sources.list.d"), { recursive: true });
		await writeFile(join(aptDirectory, "sources.list"), list.replaceAll("ARCHIVE", `file:${archive}`));
		return { folder, aptDirectory, archive };
	}
	const trixie = builtinMap().bases["debian:13"]?.sources.find(({ kind }) => kind === "bootstrap");
	if (trixie?.kind !== "bootstrap") throw new Error("the map has no bootstrap source for debian:13");

	test("reads every enabled file, and looks into a mirror list", async () => {
		const { folder, aptDirectory } = await apt("deb http://a.example/debian bookworm main\n");
		await writeFile(join(folder, "mirrors.list"), "# two\nhttp://b.example/debian\tpriority:1\n");
		await writeFile(
			join(aptDirectory, "sources.list.d", "b.sources"),
			`Types: deb\nURIs: mirror+file:${folder}/mirrors.list\nSuites: x\nComponents: main\n`,
		);
		await writeFile(
			join(aptDirectory, "sources.list.d", "off.list.disabled"),
			"deb http://off.example/debian x main\n",
		);
		expect((await readHostSources(aptDirectory)).flatMap(({ uris }) => uris)).toEqual([
			"http://a.example/debian",
			"http://b.example/debian",
		]);
	});

	test("gives another release than the host's, with the suites that are there", async () => {
		const { aptDirectory, folder, archive } = await apt("deb ARCHIVE bookworm main\n");
		const source = { ...trixie, keyrings: [join(aptDirectory, "sources.list")] };
		const { guestSources } = await findMirror(source, { aptDirectory, folder });
		expect(parseDeb822(guestSources)).toMatchObject([{ uris: [`file:${archive}`], suites: ["trixie"] }]);
	});

	test("says what is missing: a mirror, the release, the keyring", async () => {
		const { aptDirectory, folder } = await apt("deb ARCHIVE bookworm main\n", "bookworm");
		const source = { ...trixie, keyrings: [join(aptDirectory, "sources.list")] };
		await expect(findMirror({ ...source, distribution: "ubuntu" }, { aptDirectory, folder })).rejects.toThrow(
			/mirror of ubuntu/,
		);
		await expect(findMirror(source, { aptDirectory, folder })).rejects.toThrow(/debian trixie/);
		await expect(findMirror({ ...source, keyrings: ["/none"] }, { aptDirectory, folder })).rejects.toThrow(/keyring/);
	});
});
