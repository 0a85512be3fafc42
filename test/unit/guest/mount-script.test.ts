import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inPlace } from "../../../src/guest/in-place.ts";
import { openMountNamespace } from "../../../src/guest/mount-namespace.ts";
import {
	beginScript,
	bindScript,
	endScript,
	fillScript,
	findScript,
	readBegun,
} from "../../../src/guest/mount-script.ts";
import { tempDir } from "../system/child.ts";
import { localGuest, runHere, syntaxErrors } from "./local-guest.ts";

const OWNER = { mode: 0o750, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
/** Mounting is the machine's; what is done around it can be done here. */
const TELL = `mount() { echo "mount $*"; }\numount() { echo "umount $*"; }\n`;

const sh = (script: string) => runHere(["/bin/sh", "-s"], { stdin: script });

test("the scripts are what a shell accepts, whatever the paths", async () => {
	const path = "/it's a $dir;\n*";
	const tree = { kind: "tree", target: path, readOnly: true, root: path, path } as const;
	const scripts = [
		beginScript([path], [{ device: path, at: path, fresh: true }]),
		bindScript([
			tree,
			{ ...tree, make: true, changes: path },
			{ kind: "tmpfs", target: path, readOnly: false, bytes: 1 },
			{ kind: "socket", target: path, path, ...OWNER },
		]),
		endScript([path]),
		fillScript(path, OWNER, path),
		findScript(path, path),
	];
	for (const script of scripts) expect(await syntaxErrors(script)).toBe("");
});

test("targets that are missing are said with the directories above them, and go again when they are empty", async () => {
	const root = await tempDir();
	await mkdir(join(root, "there"));
	const targets = [join(root, "a/b's c"), join(root, "there"), join(root, "file"), "/no-such-target"];
	const { stdout } = await sh(TELL + beginScript(targets, []));
	const { missing } = readBegun(stdout);
	expect(missing).toEqual([join(root, "a/b's c"), join(root, "a"), join(root, "file"), "/no-such-target"]);
	await mkdir(join(root, "a/b's c"), { recursive: true });
	await writeFile(join(root, "a/kept"), "by the command");
	await writeFile(join(root, "file"), "");
	await sh(endScript(missing));
	expect([await readdir(root), await readdir(join(root, "a"))]).toEqual([["a", "there"], ["kept"]]);
});

test("a path of another tree is found as if that tree were /", async () => {
	const root = await tempDir();
	await mkdir(join(root, "out/sub"), { recursive: true });
	await symlink("/out", join(root, "absolute"));
	await symlink("../../../../out/sub", join(root, "out/up"));
	await symlink("loop", join(root, "loop"));
	const find = async (path: string) => (await sh(findScript(root, path))).stdout.trimEnd();
	expect(await find("/")).toBe(root);
	expect(await find("/absolute/up/x")).toBe(`${root}/out/sub/x`);
	expect(await find("/../..//./out")).toBe(`${root}/out`);
	expect((await sh(findScript(root, "/loop"))).stderr).toContain("too many symlinks");
});

test("mounts are made from the outside in, and become read-only when all are there", async () => {
	const root = await tempDir();
	await mkdir(join(root, "source"));
	const tree = { kind: "tree", root: "", path: join(root, "source") } as const;
	const outer = { ...tree, target: join(root, "t"), readOnly: true };
	const inner = { ...tree, target: join(root, "t/in"), readOnly: false };
	const { stdout } = await sh(TELL + bindScript([inner, outer]));
	expect(stdout.split("\n")).toEqual([
		`mount --bind -- ${root}/source ${root}/t`,
		`mount --bind -- ${root}/source ${root}/t/in`,
		`mount -o remount,bind,ro -- ${root}/t`,
		"umount -l /proc/fs",
		"",
	]);
	const gone = await sh(TELL + bindScript([{ ...tree, path: "/no-such", target: "/t", readOnly: true }]));
	expect([gone.status, gone.stderr]).toEqual([1, "there is no /no-such to mount on /t\n"]);
});

test("content appears on a disk when it is whole", async () => {
	const root = await tempDir();
	await mkdir(join(root, "from"));
	await writeFile(join(root, "from/file"), "");
	await mkdir(join(root, "part"));
	await writeFile(join(root, "part/half"), "of an earlier try");
	expect((await sh(fillScript(root, OWNER, join(root, "from")))).stderr).toBe("");
	expect(await readdir(root)).toEqual(["content", "from"]);
	expect(await readdir(join(root, "content"))).toEqual(["file"]);
});

test("a namespace is made and ended where our sshd runs, and commands are sent into it", async () => {
	const guest = localGuest(({ place, stdin }) => {
		if (place === undefined) return undefined;
		return { stdout: String(stdin).includes("unshare") ? "mnt:[4026532372]\n" : "" };
	});
	const scripts: string[] = [];
	const spied = {
		...guest,
		script: async (text: string, options = {}) => {
			scripts.push(text);
			return (await guest.capture({ argv: ["/bin/sh", "-s"], stdin: text, ...options })).stdout;
		},
	};
	const namespace = await openMountNamespace(spied);
	await inPlace(spied, namespace.place).exec({ argv: ["true"] });
	await namespace.close(["/dev/sda"]);
	expect(guest.asked.map(({ place }) => place)).toEqual(["access", namespace.place, "access"]);
	for (const script of scripts) expect(await syntaxErrors(script)).toBe("");
	expect(scripts[1]).toContain("devices=sda\n");
	const broken = { ...spied, script: async () => "" };
	await expect(openMountNamespace(broken)).rejects.toMatchObject({ code: "MACHINE_LOST" });
});
