import { lstat, mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { copyFromDisk } from "../../../src/build/copy-from.ts";
import { treeDestination } from "../../../src/build/destination.ts";
import type { Guest } from "../../../src/guest/types.ts";
import type { CopyRequest } from "../../../src/plan/types.ts";
import { localGuest } from "../guest/local-guest.ts";
import { tempDir } from "../system/child.ts";

/** Folders of this host as the disk and the tree; what would enter our sshd's namespaces runs here. */
async function trees() {
	const [from, into] = [await tempDir(), await tempDir()];
	const local = localGuest();
	const guest: Guest = {
		...local,
		exec: (options) => local.exec({ ...options, argv: ["/bin/sh", "-c", ...options.argv.slice(3)] }),
	};
	const copy = (path: string, dest: string, more: Partial<CopyRequest> = {}) =>
		copyFromDisk({
			request: { origins: [], dest, chown: me, link: false, parents: false, exclude: [], unpack: false, ...more },
			paths: [path],
			source: { what: "the stage", device: "none", path: from, [Symbol.asyncDispose]: async () => undefined },
			destination: treeDestination(guest, into),
			signal: new AbortController().signal,
			onUnmatched: () => undefined,
		});
	return { from, into, copy };
}

const me = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o7777).toString(8);

test("--link does not follow a symlink on its way, and replaces what is of another kind; not with --chmod", async () => {
	const { from, into, copy } = await trees();
	await writeFile(join(from, "f"), "new");
	await mkdir(join(into, "real"), { mode: 0o777 });
	await symlink("real", join(into, "link"));
	await mkdir(join(into, "dir/deep"), { recursive: true });
	await copy("/f", "/link/plain");
	await copy("/f", "/link/chmod", { link: true, chmod: "600" });
	expect((await readdir(join(into, "real"))).sort()).toEqual(["chmod", "plain"]);
	await copy("/f", "/dir", { link: true });
	await copy("/f", "/link/f", { link: true });
	expect((await lstat(join(into, "dir"))).isFile()).toBe(true);
	expect((await lstat(join(into, "link"))).isDirectory()).toBe(true);
	expect((await readdir(join(into, "real"))).sort()).toEqual(["chmod", "plain"]);
});

test("--chmod means the same as for files of the context: directories get x by X", async () => {
	const { from, into, copy } = await trees();
	await mkdir(join(from, "d/sub"), { recursive: true });
	await writeFile(join(from, "d/sub/f"), "");
	await copy("/d", "/to", { chmod: "u=rwX,go=rX" });
	expect([await modeOf(join(into, "to/sub")), await modeOf(join(into, "to/sub/f"))]).toEqual(["755", "644"]);
});
