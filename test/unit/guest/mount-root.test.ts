import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MOUNT_ROOT } from "../../../src/guest/mount-root.ts";
import { tempDir } from "../system/child.ts";
import { runHere, syntaxErrors } from "./local-guest.ts";

/**
 * A machine of folders: /sys/block says which partitions there are, "mounting" one lays out what the test says it has.
 * `what`: shell, `$1` the device and options, `$2` the folder; fails for what is no such file system.
 */
async function mountRoot(sizes: Readonly<Record<string, number>>, what: string) {
	const sys = await tempDir();
	const target = join(await tempDir(), "root");
	for (const [name, size] of Object.entries(sizes)) {
		await mkdir(join(sys, "sdx", name), { recursive: true });
		await writeFile(join(sys, "sdx", name, "size"), `${size}\n`);
	}
	const prelude = `exec 3>&1
log() { echo "$*" >&3; }
blkid() { case $* in *UUID*sdx2) echo of-boot ;; *LABEL*sdx3) echo of-root ;; esac; }
umount() { log "umount $*"; rm -rf "$1"/*; }
sleep() { :; }
mount() { lay "$2 $4 $5" "$6" && log "$2 $4 $5 $(echo "$6" | sed "s|${target}|ROOT|")"; }
lay() {
	${what}
}
`;
	const script = MOUNT_ROOT.replaceAll("/sys/block/", `${sys}/`);
	const argv = ["/bin/sh", "-s"];
	const answer = await runHere(argv, { stdin: `${prelude}${script}mount_root /dev/sdx "${target}"\n` });
	return { status: answer.status, did: answer.stdout.trimEnd().split("\n"), said: answer.stderr };
}

test("is a shell script", async () => {
	expect(await syntaxErrors(MOUNT_ROOT)).toBe("");
});

describe("the root is found", () => {
	test("on the largest partition that has one", async () => {
		const lay = `case $1 in "ext4 ro /dev/sdx3") mkdir "$2/data" ;; "ext4 ro /dev/sdx1") mkdir "$2/etc" ;; *) return 1 ;; esac`;
		const { status, did } = await mountRoot({ sdx1: 1000, sdx2: 50, sdx3: 90_000 }, lay);
		expect(status).toBe(0);
		expect(did[0]).toBe("ext4 ro /dev/sdx3 ROOT");
		expect(did.at(-1)).toBe("ext4 ro /dev/sdx1 ROOT");
	});

	test("on XFS, whose ids may be the machine's own, with a file system below it", async () => {
		const fstab =
			"LABEL=of-root / xfs defaults 0 0\\nUUID=of-boot /boot ext4 defaults 0 0\\nUUID=x /boot/efi vfat defaults 0 0\\n";
		const lay = `case $1 in
		"xfs ro,nouuid /dev/sdx3") mkdir "$2/etc" "$2/boot" && printf '${fstab}' > "$2/etc/fstab" ;;
		"ext4 ro /dev/sdx2") : ;;
		*) return 1 ;; esac`;
		const { status, did } = await mountRoot({ sdx2: 500, sdx3: 9000 }, lay);
		expect([status, did]).toEqual([0, ["xfs ro,nouuid /dev/sdx3 ROOT", "ext4 ro /dev/sdx2 ROOT/boot"]]);
	});

	test("in a subvolume of Btrfs, with those that are mounted below it", async () => {
		const lay = `case $1 in
		"btrfs ro /dev/sdx3") mkdir -p "$2/root/etc" "$2/home" ;;
		"btrfs ro,subvol=root /dev/sdx3") mkdir "$2/etc" "$2/home" && echo "LABEL=of-root /home btrfs compress=zstd:1,subvol=home,x 0 0" > "$2/etc/fstab" ;;
		"btrfs ro,subvol=home /dev/sdx3") : ;;
		*) return 1 ;; esac`;
		const { status, did } = await mountRoot({ sdx3: 9000 }, lay);
		expect(status).toBe(0);
		expect(did.slice(-2)).toEqual(["btrfs ro,subvol=root /dev/sdx3 ROOT", "btrfs ro,subvol=home /dev/sdx3 ROOT/home"]);
	});

	test("on a disk without partitions, whatever is on it", async () => {
		const { status, did } = await mountRoot({}, `[ "$1" = "ext4 ro /dev/sdx" ]`);
		expect([status, did]).toEqual([0, ["ext4 ro /dev/sdx ROOT"]]);
	});
});

test("a disk without a root is an error that names it", async () => {
	const { status, said } = await mountRoot({ sdx1: 10 }, "return 1");
	expect([status, said]).toEqual([1, "no root file system on /dev/sdx\n"]);
});
