/** The two small disks a machine boots with: cloud-init's seed and our tools archive. */
import { link, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import { digestOf } from "../../digest.ts";
import { NodebuildError } from "../../errors.ts";
import { fsyncFile } from "../../system/files.ts";
import { run } from "../../system/process.ts";
import {
	FIXED_ADDRESSES,
	GENERATOR,
	GROUP,
	metaData,
	NSSWITCH,
	PASSWD,
	type SeedPurpose,
	SHADOW,
	SSHD_CONFIG,
	START_SCRIPT,
	userData,
} from "./guest-files.ts";

export interface SeedOptions {
	readonly purpose: SeedPurpose;
	readonly instance: string;
	readonly hostname: string;
	/** A folder for images that were made, which are taken from there again: two programs less to start. */
	readonly keep?: string;
}

/** FAT image labelled CIDATA, cloud-init's NoCloud datasource. Nobody may write to it. */
export async function writeSeed(folder: string, options: SeedOptions): Promise<string> {
	const image = join(folder, "seed.img");
	if (options.keep === undefined) return await makeSeed(folder, image, options);
	const { purpose, instance, hostname } = options;
	const name = digestOf([userData(purpose), metaData(instance, hostname)]).slice("sha256:".length, SEED_NAME_END);
	const kept = join(options.keep, `seed-${name}.img`);
	const found = await link(kept, image).then(
		() => true,
		() => false,
	);
	if (found) return image;
	await makeSeed(folder, image, options);
	await fsyncFile(image);
	// Another build may have been quicker; where it cannot be kept, it is made again.
	await link(image, kept).catch(() => undefined);
	return image;
}

async function makeSeed(folder: string, image: string, options: SeedOptions): Promise<string> {
	const user = join(folder, "user-data");
	const meta = join(folder, "meta-data");
	await Promise.all([
		writeFile(user, userData(options.purpose)),
		writeFile(meta, metaData(options.instance, options.hostname)),
	]);
	await mtools("mformat", ["-C", "-i", image, "-v", "CIDATA", "-f", "1440", "::"]);
	await mtools("mcopy", ["-i", image, user, meta, "::"]);
	return image;
}

/** Of a digest, what names the image. */
const SEED_NAME_END = "sha256:".length + 16;

async function mtools(tool: string, args: readonly string[]): Promise<void> {
	const result = await run(tool, args, { package: "mtools" });
	if (result.status === 0) return;
	throw new NodebuildError({
		code: "MACHINE_START",
		message: `the cloud-init seed could not be written: ${tool} ended with status ${result.status}`,
		details: result.stderr.split("\n"),
	});
}

export interface ToolsOptions {
	/** Private host key, OpenSSH format. */
	readonly hostKey: string;
	/** Public key that may log in, as in authorized_keys. */
	readonly authorized: string;
	/** See `FIXED_ADDRESSES`. */
	readonly fixedAddresses: boolean;
}

/** A tar archive written straight to a disk: read in the guest without mounting anything. */
export async function writeTools(folder: string, options: ToolsOptions): Promise<string> {
	const archive = pack();
	const add = (name: string, mode: number, content: string): void => {
		archive.entry({ name, mode, uid: 0, gid: 0, mtime: new Date(0) }, content);
	};
	add("start", 0o755, START_SCRIPT);
	add("generator", 0o755, GENERATOR);
	add("passwd", 0o644, PASSWD);
	add("shadow", 0o600, SHADOW);
	add("group", 0o644, GROUP);
	add("nsswitch.conf", 0o644, NSSWITCH);
	add("ssh/config", 0o644, SSHD_CONFIG);
	add("ssh/host_key", 0o600, options.hostKey);
	add("ssh/authorized_keys", 0o600, `${options.authorized}\n`);
	if (options.fixedAddresses) add(FIXED_ADDRESSES, 0o644, "");
	archive.finalize();
	const content = await buffer(archive);
	const file = join(folder, "tools.tar");
	const sectors = Math.ceil(content.length / 512) * 512;
	await writeFile(file, Buffer.concat([content, Buffer.alloc(sectors - content.length)]), { mode: 0o600 });
	return file;
}
