import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generateKeyPair } from "../../../../src/guest/ssh.ts";
import { GENERATOR, START_SCRIPT, userData } from "../../../../src/machine/qemu/guest-files.ts";
import { writeSeed, writeTools } from "../../../../src/machine/qemu/seed.ts";
import { runHere } from "../../guest/local-guest.ts";
import { tempDir } from "../../system/child.ts";

test.each(["build", "run"] as const)(
	"the seed for a %s is a FAT image that cloud-init finds by its label",
	async (purpose) => {
		const image = await writeSeed(await tempDir(), { purpose, instance: "nodebuild-7", hostname: "web" });
		const label = await runHere(["mlabel", "-s", "-i", image, "::"]);
		expect(label.stdout).toContain("CIDATA");
		const read = (name: string) => runHere(["mtype", "-i", image, `::${name}`]).then(({ stdout }) => stdout);
		expect(await read("user-data")).toBe(userData(purpose));
		expect(JSON.parse(await read("meta-data"))).toEqual({ "instance-id": "nodebuild-7", "local-hostname": "web" });
		expect((await stat(image)).size % 512).toBe(0);
	},
);

test("a seed that was made is kept, and made anew where it is not there any more or is another one", async () => {
	const keep = await tempDir();
	const make = async (hostname: string) => {
		const folder = await tempDir();
		const image = await writeSeed(folder, { purpose: "build", instance: "nodebuild-1", hostname, keep });
		return { ino: (await stat(image)).ino, files: await readdir(folder) };
	};
	const first = await make("a");
	expect(await make("a")).toEqual({ ino: first.ino, files: ["seed.img"] });
	expect((await make("b")).ino).not.toBe(first.ino);
	const kept = await readdir(keep);
	expect(kept).toHaveLength(2);
	for (const name of kept) await rm(join(keep, name));
	expect((await make("a")).files).toContain("user-data");
	expect(await readdir(keep)).toHaveLength(1);
	expect(await make(`a`)).toMatchObject({ files: ["seed.img"] });
	const gone = join(keep, "gone");
	expect(
		await readFile(await writeSeed(await tempDir(), { purpose: "run", instance: "i", hostname: "h", keep: gone })),
	).toHaveLength(1_474_560);
});

test("the tools are a tar archive in whole sectors, root's, its keys private", async () => {
	const host = generateKeyPair("host");
	const client = generateKeyPair("client");
	const file = await writeTools(await tempDir(), {
		hostKey: host.private,
		authorized: client.public,
		fixedAddresses: false,
	});
	expect((await stat(file)).mode & 0o777).toBe(0o600);
	expect((await stat(file)).size % 512).toBe(0);
	const { stdout } = await runHere(["tar", "--numeric-owner", "-tvf", file], { env: { TZ: "UTC", LC_ALL: "C" } });
	const rows = stdout
		.trim()
		.split("\n")
		.map((line) => {
			const [mode, owner, , , , name] = line.split(/\s+/);
			return `${mode} ${owner} ${name}`;
		});
	expect(rows).toEqual([
		"-rwxr-xr-x 0/0 start",
		"-rwxr-xr-x 0/0 generator",
		"-rw-r--r-- 0/0 passwd",
		"-rw------- 0/0 shadow",
		"-rw-r--r-- 0/0 group",
		"-rw-r--r-- 0/0 nsswitch.conf",
		"-rw-r--r-- 0/0 ssh/config",
		"-rw------- 0/0 ssh/host_key",
		"-rw------- 0/0 ssh/authorized_keys",
	]);
	const member = (name: string) => runHere(["tar", "-xOf", file, name]).then((answer) => answer.stdout);
	expect(await member("start")).toBe(START_SCRIPT);
	expect(await member("generator")).toBe(GENERATOR);
	expect(await member("ssh/host_key")).toBe(host.private);
	expect(await member("ssh/authorized_keys")).toBe(`${client.public}\n`);
	const fixed = await writeTools(await tempDir(), { hostKey: "", authorized: "", fixedAddresses: true });
	expect((await runHere(["tar", "-tf", fixed])).stdout).toBe(
		`${rows.map((row) => row.split(" ")[2]).join("\n")}\nfixed-addresses\n`,
	);
});

test("what is written for a machine never holds the key that opens it", async () => {
	const client = generateKeyPair("client");
	const folder = await tempDir();
	const host = generateKeyPair("host").private;
	const tools = await writeTools(folder, { hostKey: host, authorized: client.public, fixedAddresses: false });
	const secret = client.private.split("\n").slice(1, -2).join("");
	expect((await readFile(tools, "utf8")).includes(secret)).toBe(false);
	expect(generateKeyPair("again").private).not.toBe(client.private);
});
