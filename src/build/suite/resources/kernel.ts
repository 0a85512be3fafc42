/** Settings of the kernel, and what is mounted. */
import * as z from "zod";
import { facts, linesOf, milliseconds, type Probe, resourceKind, sh } from "../kind.ts";

export const kernelParam = resourceKind({
	parameters: { name: z.string().optional() },
	properties: { value: "value" },
	async find({ name: key, parameters: { name = key } }, probe) {
		// As sysctl(8): dots part names, and a slash stands for a dot of a name.
		const path =
			name.includes("/") && !name.includes(".") ? name : name.replace(/[./]/g, (c) => (c === "." ? "/" : "."));
		const { status, stdout } = await sh(probe, 'cat -- "/proc/sys/$1"', [path]);
		return status === 0 ? facts({ value: stdout.trim() }) : facts({}, "there is no such parameter");
	},
});

export const mount = resourceKind({
	parameters: { mountpoint: z.string().optional(), timeout: milliseconds(1000) },
	presence: "exists",
	properties: {
		exists: "flag",
		opts: "value",
		"vfs-opts": "value",
		source: "value",
		filesystem: "value",
		usage: "number",
	},
	async find({ name, parameters: { mountpoint = name }, wanted }, probe) {
		const { stdout } = await sh(probe, "cat /proc/1/mountinfo", []);
		// The last one there is the one that is seen.
		const found = linesOf(stdout)
			.map(mountOf)
			.findLast(({ target }) => target === mountpoint);
		if (found === undefined) return facts({ exists: false }, "nothing is mounted there");
		const { opts, vfsOpts, source, filesystem } = found;
		const usage = wanted.has("usage") ? await usageOf(mountpoint, probe) : undefined;
		return facts({ exists: true, opts, "vfs-opts": vfsOpts, source, filesystem, usage });
	},
});

/** proc_pid_mountinfo(5); blanks in names are octal escapes. */
function mountOf(line: string) {
	const [own = "", rest = ""] = line.split(" - ");
	const [, , , , target = "", opts = ""] = own.split(" ");
	const [filesystem = "", source = "", vfsOpts = ""] = rest.split(" ");
	const plain = (text: string) =>
		text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
	return {
		target: plain(target),
		opts: opts.split(","),
		vfsOpts: vfsOpts.split(","),
		source: plain(source),
		filesystem,
	};
}

/** Percent of the blocks. */
async function usageOf(path: string, probe: Probe): Promise<number | undefined> {
	const { stdout } = await sh(probe, 'df -P -- "$1"', [path]);
	const [, percent] = / (\d+)% [^\n]*\n?$/.exec(stdout) ?? [];
	return percent === undefined ? undefined : Number(percent);
}
