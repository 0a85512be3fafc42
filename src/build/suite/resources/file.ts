import * as z from "zod";
import { facts, type Probe, resourceKind, sh } from "../kind.ts";
import type { Value } from "../value.ts";

const STAT = `[ -e "$1" ] || [ -L "$1" ] || exit 3
stat -c '%f %u %g %s %U %G' -- "$1" && if [ -L "$1" ]; then readlink -- "$1"; fi`;

/** File types of stat(2), by the mode's upper bits. */
const TYPES: Readonly<Record<number, string>> = {
	1: "fifo",
	2: "character-device",
	4: "directory",
	6: "block-device",
	8: "file",
	10: "symlink",
	12: "socket",
};

const DIGESTS = ["md5", "sha256", "sha512"] as const;

/** A path, itself: a symlink is not followed but for its contents and digests. */
export const file = resourceKind({
	parameters: { path: z.string().optional() },
	presence: "exists",
	properties: {
		exists: "flag",
		mode: "value",
		size: "number",
		owner: "value",
		uid: "number",
		group: "value",
		gid: "number",
		filetype: "value",
		"linked-to": "value",
		contents: "text",
		contains: "text",
		md5: "value",
		sha256: "value",
		sha512: "value",
	},
	async find({ name, parameters: { path = name }, wanted }, probe) {
		const { status, stdout, stderr } = await sh(probe, STAT, [path]);
		if (status === 3) return facts({ exists: false }, "there is no such file");
		if (status !== 0) return facts({}, stderr.trim());
		const contents = wanted.has("contents") || wanted.has("contains") ? await contentsOf(path, probe) : undefined;
		const digests: Record<string, Value> = {};
		for (const digest of DIGESTS) {
			if (!wanted.has(digest)) continue;
			const { stdout: sum } = await sh(probe, `${digest}sum < "$1"`, [path]);
			if (sum !== "") digests[digest] = sum.split(" ")[0] ?? "";
		}
		return facts({ exists: true, ...statOf(stdout), contents, contains: contents, ...digests }, "it cannot be read");
	},
});

function statOf(text: string): Record<string, Value> {
	const [line = "", ...link] = text.replace(/\n$/, "").split("\n");
	const [mode = "0", uid = "", gid = "", size = "", owner = "", group = ""] = line.split(" ");
	const bits = Number.parseInt(mode, 16);
	return {
		mode: (bits & 0o7777).toString(8).padStart(4, "0"),
		filetype: TYPES[bits >> 12] ?? "unknown",
		uid: Number(uid),
		gid: Number(gid),
		size: Number(size),
		owner,
		group,
		...(bits >> 12 === 10 ? { "linked-to": link.join("\n") } : {}),
	};
}

async function contentsOf(path: string, probe: Probe): Promise<string | undefined> {
	const { status, stdout } = await sh(probe, 'cat -- "$1"', [path]);
	return status === 0 ? stdout : undefined;
}
