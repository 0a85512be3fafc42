/** A bootable disk file from a tree of files, without loop devices, mounts or a running machine. */
import { copyFile, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NodebuildError } from "../../errors.ts";
import { isErrno, makeFolder } from "../../system/files.ts";
import { run } from "../../system/process.ts";
import { bootSectors } from "./boot-sector.ts";
import type { Identity } from "./finish.ts";

const SECTOR = 512;
/** Where the distribution's tools are; the folders of administration are not on every user's PATH. */
export const TOOL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Sectors: 1 MiB for core.img, then the EFI system partition up to 128 MiB, then the root to the end. */
const BIOS_BOOT = { start: 2048, sectors: 2048 } as const;
const EFI_SYSTEM = { start: 4096, sectors: 253_952 } as const;
const ROOT_START = 258_048;
/** The last MiB holds the second GPT. */
const END_ROOM = 2048;

const ROOT_TYPE = {
	amd64: "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
	arm64: "B921B045-1DF0-41C3-AF44-4C6F280D3FAE",
} as const;

/** Where the finished tree is. */
export interface RootTree {
	/** Folder with the tree, or with the files out of it that bootFiles() names. */
	readonly bootFiles: string;
	/** Run mke2fs with these arguments on a disk, filling it with the tree, which is gone afterwards. */
	readonly makeFileSystem: (arguments_: readonly string[], disk: string, size: string) => Promise<void>;
}

export interface DiskRequest {
	readonly file: string;
	/** Bytes. */
	readonly size: number;
	readonly identity: Identity;
	readonly architecture: "amd64" | "arm64";
	/** "debian" or "ubuntu": the folder that the signed GRUB looks for its configuration in. */
	readonly vendor: string;
	readonly tree: RootTree;
	/** A folder for what is copied together. */
	readonly folder: string;
	readonly signal?: AbortSignal;
}

/** Paths, within the tree, of what this module reads; patterns of tar. */
export function bootFiles(architecture: "amd64" | "arm64"): readonly string[] {
	const efi = architecture === "amd64" ? "x86_64-efi" : "arm64-efi";
	return [
		"./boot/grub/i386-pc/boot.img",
		"./boot/grub/i386-pc/core.img",
		`./boot/grub/${efi}/core.efi`,
		`./usr/lib/grub/${efi}-signed/grub*.efi.signed`,
		"./usr/lib/shim/shim*.efi.signed",
	];
}

/**
 * Write the disk.
 * @throws NodebuildError BASE_BOOTSTRAP when a tool fails, HOST_TOOL_MISSING.
 */
export async function writeDisk(request: DiskRequest): Promise<void> {
	const { file, size, identity, architecture, tree } = request;
	const sectors = Math.floor(size / SECTOR);
	const disk = await open(file, "wx", 0o666);
	await disk.truncate(sectors * SECTOR).finally(() => disk.close());
	const layout = [
		"label: gpt",
		`start=${BIOS_BOOT.start}, size=${BIOS_BOOT.sectors}, type=21686148-6449-6E6F-744E-656564454649`,
		`start=${EFI_SYSTEM.start}, size=${EFI_SYSTEM.sectors}, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B`,
		`start=${ROOT_START}, size=${sectors - ROOT_START - END_ROOM}, type=${ROOT_TYPE[architecture]}`,
	];
	await tool("sfdisk", ["--quiet", file], "fdisk", request, `${layout.join("\n")}\n`);
	await writeEfiSystem(request);
	if (architecture === "amd64") await writeBiosBoot(request);
	const offset = `offset=${ROOT_START * SECTOR}`;
	const arguments_ = [
		"-q",
		"-F",
		"-t",
		"ext4",
		"-L",
		"root",
		"-U",
		identity.root,
		"-E",
		`${offset},lazy_itable_init=0`,
	];
	await tree.makeFileSystem(arguments_, file, `${Math.floor((sectors - ROOT_START - END_ROOM) / 2)}k`);
}

async function writeEfiSystem(request: DiskRequest): Promise<void> {
	const { file, identity, architecture, vendor, folder } = request;
	const partition = `${file}@@${EFI_SYSTEM.start * SECTOR}`;
	const staged = await stageEfi(request, join(folder, "efi"), architecture, vendor);
	const id = identity.efi.replace("-", "");
	const geometry = ["-T", String(EFI_SYSTEM.sectors), "-h", "64", "-s", "32", "-H", String(EFI_SYSTEM.start)];
	await tool("mformat", ["-i", partition, "-F", "-v", "ESP", "-N", id, ...geometry, "::"], "mtools", request);
	await tool("mcopy", ["-i", partition, "-s", "-Q", staged, "::"], "mtools", request);
	// mformat leaves a partition table in the volume's boot sector, which tools in the guest then warn of.
	await writeAt(file, EFI_SYSTEM.start * SECTOR + 446, Buffer.alloc(64));
}

/** The tree of the EFI system partition: shim and the signed GRUB where the release has them, else our own image. */
async function stageEfi(
	request: DiskRequest,
	folder: string,
	architecture: "amd64" | "arm64",
	vendor: string,
): Promise<string> {
	const [name, suffix] = architecture === "amd64" ? ["x86_64-efi", "x64"] : ["arm64-efi", "aa64"];
	const root = request.tree.bootFiles;
	const boot = join(folder, "EFI", "BOOT");
	await makeFolder(boot);
	const shim = join(root, "usr/lib/shim", `shim${suffix}.efi.signed`);
	const signed = join(root, "usr/lib/grub", `${name}-signed`, `grub${suffix}.efi.signed`);
	const fallback = join(boot, `BOOT${suffix.toUpperCase()}.EFI`);
	if (await copyIfThere(signed, join(boot, `grub${suffix}.efi`))) {
		// Without shim the signed GRUB is what the firmware loads itself.
		if (!(await copyIfThere(shim, fallback))) await copyFile(signed, fallback);
		const find = `search.fs_uuid ${request.identity.root} root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n`;
		await makeFolder(join(folder, "EFI", vendor));
		await writeFile(join(folder, "EFI", vendor, "grub.cfg"), find);
	} else if (!(await copyIfThere(join(root, "boot/grub", name, "core.efi"), fallback))) {
		throw new NodebuildError({
			code: "BASE_BOOTSTRAP",
			message: `expected the packages to bring a boot loader for UEFI, got none under /usr/lib/grub/${name}-signed`,
			hint: "is the base map's package list right for this release?",
		});
	}
	return join(folder, "EFI");
}

async function copyIfThere(from: string, to: string): Promise<boolean> {
	try {
		await copyFile(from, to);
		return true;
	} catch (error) {
		if (isErrno(error, "ENOENT")) return false;
		throw error;
	}
}

async function writeBiosBoot({ file, tree }: DiskRequest): Promise<void> {
	const folder = join(tree.bootFiles, "boot/grub/i386-pc");
	const images = [await readFile(join(folder, "boot.img")), await readFile(join(folder, "core.img"))] as const;
	const { code, core } = bootSectors(...images, BIOS_BOOT);
	await writeAt(file, 0, code);
	await writeAt(file, BIOS_BOOT.start * SECTOR, core);
}

async function writeAt(file: string, position: number, data: Uint8Array): Promise<void> {
	const disk = await open(file, "r+");
	try {
		await disk.write(data, 0, data.length, position);
	} finally {
		await disk.close();
	}
}

/** Run a tool that must succeed. */
export async function tool(
	name: string,
	args: readonly string[],
	pkg: string,
	options: { readonly signal?: AbortSignal },
	input?: string,
): Promise<void> {
	const result = await run(name, args, {
		package: pkg,
		env: { LC_ALL: "C", MTOOLS_SKIP_CHECK: "1", PATH: TOOL_PATH },
		...(input === undefined ? {} : { input }),
		...(options.signal === undefined ? {} : { signal: options.signal }),
	});
	if (result.status === 0) return;
	throw new NodebuildError({
		code: /No space left/.test(result.stderr) ? "HOST_DISK_FULL" : "BASE_BOOTSTRAP",
		message: `expected ${name} to succeed while the image was made, got status ${result.status}`,
		hint: /No space left/.test(result.stderr)
			? 'free some space: "nodebuild prune" removes what no image needs'
			: "its own words are above; nothing was kept",
		details: result.stderr.split("\n").slice(-20),
	});
}
