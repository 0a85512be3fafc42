import { execFileSync } from "node:child_process";
import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bootSectors } from "../../../../src/bases/bootstrap/boot-sector.ts";
import { tool, writeDisk } from "../../../../src/bases/bootstrap/disk.ts";
import { finishScript, fstab } from "../../../../src/bases/bootstrap/finish.ts";
import { builtinMap } from "../../../../src/bases/map.ts";
import { temporaryFolder } from "../server.ts";

/** What GRUB's boot.img and a core.img of three sectors look like where it matters. */
function grubImages() {
	const boot = Buffer.alloc(512, 0x11);
	boot.writeUInt16LE(0xaa55, 510);
	const core = Buffer.alloc(3 * 512, 0x22);
	core.writeUInt16LE(2, 508);
	core.writeUInt16LE(0x820, 510);
	return { boot, core };
}

describe("boot sectors", () => {
	test("know where core.img is, and leave the partition table alone", () => {
		const { boot, core } = grubImages();
		const written = bootSectors(boot, core, { start: 2048, sectors: 2048 });
		expect(written.code).toHaveLength(440);
		const code = Buffer.from(written.code);
		expect(code.readBigUInt64LE(0x5c)).toBe(2048n);
		expect([code[0x64], code[0x66], code[0x67]]).toEqual([0xff, 0x90, 0x90]);
		const first = Buffer.from(written.core);
		expect(first.readBigUInt64LE(500)).toBe(2049n);
		expect([first.readUInt16LE(508), first.readUInt16LE(510)]).toEqual([2, 0x820]);
	});

	test("refuse what is no boot image, or a core.img that does not fit", () => {
		const { boot, core } = grubImages();
		expect(() => bootSectors(Buffer.alloc(512), core, { start: 2048, sectors: 2048 })).toThrow(/boot\.img/);
		expect(() => bootSectors(boot, core, { start: 2048, sectors: 2 })).toThrow(/core\.img/);
	});
});

test("a disk has its partitions, file systems and boot loaders in place", async () => {
	const folder = await temporaryFolder();
	const tree = join(folder, "root");
	for (const path of ["boot/grub/i386-pc", "usr/lib/shim", "usr/lib/grub/x86_64-efi-signed", "etc"])
		await mkdir(join(tree, path), { recursive: true });
	const { boot, core } = grubImages();
	await writeFile(join(tree, "boot/grub/i386-pc/boot.img"), boot);
	await writeFile(join(tree, "boot/grub/i386-pc/core.img"), core);
	await writeFile(join(tree, "usr/lib/shim/shimx64.efi.signed"), "shim");
	await writeFile(join(tree, "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"), "grub");
	await writeFile(join(tree, "etc/fstab"), "here");
	const file = join(folder, "disk.raw");
	const identity = { root: "11111111-2222-4333-8444-555555555555", efi: "1234-ABCD" };
	await writeDisk({
		file,
		size: 256 << 20,
		identity,
		architecture: "amd64",
		vendor: "debian",
		folder,
		tree: {
			bootFiles: tree,
			makeFileSystem: (args, disk, size) => tool("mke2fs", [...args, "-d", tree, disk, size], "e2fsprogs", {}),
		},
	});
	const out = (name: string, ...args: string[]): string =>
		execFileSync(name, args, {
			encoding: "utf8",
			env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, MTOOLS_SKIP_CHECK: "1" },
			stdio: ["ignore", "pipe", "ignore"],
		});
	const table = JSON.parse(out("sfdisk", "-J", file)).partitiontable;
	expect(table).toMatchObject({
		label: "gpt",
		partitions: [{ start: 2048, size: 2048 }, { start: 4096 }, { start: 258048 }],
	});
	const root = `${file}?offset=${258048 * 512}`;
	expect(out("debugfs", "-R", "cat /etc/fstab", root)).toBe("here");
	expect(out("dumpe2fs", "-h", root)).toContain(identity.root);
	const efi = `${file}@@${4096 * 512}`;
	expect(out("mtype", "-i", efi, "::/EFI/BOOT/BOOTX64.EFI")).toBe("shim");
	expect(out("mtype", "-i", efi, "::/EFI/BOOT/grubx64.efi")).toBe("grub");
	expect(out("mtype", "-i", efi, "::/EFI/debian/grub.cfg")).toContain(identity.root);
	expect(out("minfo", "-i", efi, "::")).toMatch(/1234ABCD/i);
	const disk = await open(file, "r");
	const sector = Buffer.alloc(512);
	await disk.read(sector, 0, 512, 0);
	expect(sector.readBigUInt64LE(0x5c)).toBe(2048n);
	expect(sector[450]).toBe(0xee);
	await disk.read(sector, 0, 512, 4096 * 512);
	expect(sector.subarray(446, 510).every((byte) => byte === 0)).toBe(true);
	await disk.close();
});

test("the script that finishes a tree is sound sh and carries the sources as they are", () => {
	const source = builtinMap().bases["debian:12"]?.sources.find(({ kind }) => kind === "bootstrap");
	if (source?.kind !== "bootstrap") throw new Error("the map has no bootstrap source for debian:12");
	const identity = { root: "11111111-2222-4333-8444-555555555555", efi: "1234-ABCD" };
	const guestSources = "Types: deb\nURIs: http://m.example/$debian\n";
	for (const architecture of ["amd64", "arm64"] as const) {
		const script = finishScript({ identity, source, title: "Debian 12", architecture, guestSources });
		execFileSync("sh", ["-n"], { input: script });
		expect(script).toContain(guestSources);
	}
	expect(fstab(identity)).toMatch(/^UUID=11111111-\S+ \/ ext4 .* 0 1\n/);
});
