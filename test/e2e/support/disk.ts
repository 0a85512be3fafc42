/** Looking into raw disk images on this host, without booting them. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Where administrators' programs lie that a user's PATH may lack. */
const env = { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin`, LC_ALL: "C.UTF-8" };

interface Partition {
	/** Sectors. */
	readonly start: number;
	readonly size: number;
}

/** The raw disk's largest partition, as e2fsprogs name it: `file?offset=bytes`. */
export async function rootFileSystem(disk: string): Promise<string> {
	const { stdout } = await run("sfdisk", ["--json", disk], { env });
	const { partitiontable } = JSON.parse(stdout) as {
		partitiontable: { sectorsize: number; partitions: Partition[] };
	};
	const [root] = partitiontable.partitions.sort((a, b) => b.size - a.size);
	if (root === undefined) throw new Error(`expected partitions in ${disk}, got none`);
	return `${disk}?offset=${root.start * partitiontable.sectorsize}`;
}

/** What `e2fsck -fn` says of the root file system, and its exit status: 0 when there is nothing to do. */
export async function checkRoot(disk: string): Promise<{ readonly status: number; readonly said: string }> {
	const fileSystem = await rootFileSystem(disk);
	try {
		const { stdout, stderr } = await run("e2fsck", ["-fn", fileSystem], { env });
		return { status: 0, said: stdout + stderr };
	} catch (error) {
		const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
		return { status: code, said: `${stdout}${stderr}` };
	}
}

/** Fields of the root file system's superblock: "Filesystem state" -> "clean". */
export async function superblock(disk: string): Promise<ReadonlyMap<string, string>> {
	const { stdout } = await run("dumpe2fs", ["-h", await rootFileSystem(disk)], { env });
	const fields = stdout.split("\n").map((line): [string, string] => {
		const [name = "", ...value] = line.split(":");
		return [name.trim(), value.join(":").trim()];
	});
	return new Map(fields);
}

/** Answer of one debugfs(8) request on the root file system, such as `cat /etc/hostname`. */
export async function debugfs(disk: string, request: string): Promise<string> {
	const { stdout } = await run("debugfs", ["-R", request, await rootFileSystem(disk)], { env });
	return stdout;
}
