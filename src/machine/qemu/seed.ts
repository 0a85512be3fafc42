/** The two small disks a machine boots with: cloud-init's seed and our tools archive. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import { NodebuildError } from "../../errors.ts";
import { run } from "../../system/process.ts";
import {
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

/** FAT image labelled CIDATA, cloud-init's NoCloud datasource. */
export async function writeSeed(
	folder: string,
	options: { readonly purpose: SeedPurpose; readonly instance: string; readonly hostname: string },
): Promise<string> {
	const image = join(folder, "seed.img");
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

async function mtools(tool: string, args: readonly string[]): Promise<void> {
	const result = await run(tool, args, { package: "mtools" });
	if (result.status === 0) return;
	throw new NodebuildError({
		code: "MACHINE_START",
		message: `the cloud-init seed could not be written: ${tool} ended with status ${result.status}`,
		details: result.stderr.split("\n"),
	});
}

export interface ToolsKeys {
	/** Private host key, OpenSSH format. */
	readonly hostKey: string;
	/** Public key that may log in, as in authorized_keys. */
	readonly authorized: string;
}

/** A tar archive written straight to a disk: read in the guest without mounting anything. */
export async function writeTools(folder: string, keys: ToolsKeys): Promise<string> {
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
	add("ssh/host_key", 0o600, keys.hostKey);
	add("ssh/authorized_keys", 0o600, `${keys.authorized}\n`);
	archive.finalize();
	const content = await buffer(archive);
	const file = join(folder, "tools.tar");
	const sectors = Math.ceil(content.length / 512) * 512;
	await writeFile(file, Buffer.concat([content, Buffer.alloc(sectors - content.length)]), { mode: 0o600 });
	return file;
}
