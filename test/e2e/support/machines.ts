/** Machines that run on this host, seen from outside. */
import { readdir, readFile } from "node:fs/promises";
import { home } from "./home.ts";

export interface Qemu {
	readonly pid: number;
	readonly commandLine: readonly string[];
}

/** QEMU processes whose disks lie in a store; by default in the test file's own. */
export async function machinesOf(store: string = home): Promise<readonly Qemu[]> {
	const found: Qemu[] = [];
	for (const name of await readdir("/proc")) {
		if (!/^\d+$/.test(name)) continue;
		// A process may end while we look.
		const text = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
		const commandLine = text.split("\0");
		if (!/qemu-system/.test(commandLine[0] ?? "") || !text.includes(store)) continue;
		found.push({ pid: Number(name), commandLine });
	}
	return found;
}
