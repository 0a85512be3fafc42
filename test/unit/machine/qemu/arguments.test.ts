import { describe, expect, test } from "vitest";
import { diskNodeOptions, type QemuFiles, qemuArguments } from "../../../../src/machine/qemu/arguments.ts";
import type { MachineSpec } from "../../../../src/machine/types.ts";
import { runHere } from "../../guest/local-guest.ts";
import { tempDir } from "../../system/child.ts";
import { join } from "node:path";
import { writeFile } from "node:fs/promises";

const SPEC: MachineSpec = { memory: 1024, cpus: 2 };
const FILES: QemuFiles = {
	disk: "/store/tmp/a/disk-0.qcow2",
	diskNode: "disk-0",
	seed: "/store/tmp/a/seed.img",
	tools: "/store/tmp/a/tools.tar",
	console: "/store/tmp/a/console.log",
};
const argumentsOf = (
	spec: Partial<MachineSpec> = {},
	files: Partial<QemuFiles> = {},
	accelerator: "kvm" | "tcg" = "tcg",
) => qemuArguments({ ...SPEC, ...spec }, { ...FILES, ...files }, accelerator);

/** Values of an option, in order. */
function all(args: readonly string[], option: string): string[] {
	return args.flatMap((arg, index) => (args[index - 1] === option ? [arg] : []));
}

test("the whole command line of a plain machine", () => {
	expect(argumentsOf().join("\n")).toMatchInlineSnapshot(`
		"-name
		nodebuild
		-nodefaults
		-no-user-config
		-machine
		q35,vmport=off,smm=off
		-accel
		tcg,thread=multi,tb-size=512
		-cpu
		EPYC,family=16
		-m
		1024
		-smp
		2
		-display
		none
		-vga
		none
		-rtc
		base=utc
		-chardev
		file,id=console,path=/store/tmp/a/console.log,append=on
		-serial
		chardev:console
		-chardev
		stdio,id=qmp,signal=off
		-mon
		chardev=qmp,mode=control
		-blockdev
		{"driver":"qcow2","node-name":"disk-0","discard":"unmap","cache":{"direct":false,"no-flush":true},"file":{"driver":"file","filename":"/store/tmp/a/disk-0.qcow2","discard":"unmap","locking":"off","cache":{"no-flush":true}}}
		-device
		virtio-blk-pci,id=disk,drive=disk-0,bus=pcie.0,addr=0x3,bootindex=0,share-rw=on
		-blockdev
		{"driver":"raw","node-name":"seed","read-only":true,"file":{"driver":"file","filename":"/store/tmp/a/seed.img","locking":"off"}}
		-device
		virtio-blk-pci,drive=seed,bus=pcie.0,addr=0x4,serial=nodebuild-seed
		-blockdev
		{"driver":"raw","node-name":"tools","read-only":true,"file":{"driver":"file","filename":"/store/tmp/a/tools.tar","locking":"off"}}
		-device
		virtio-blk-pci,drive=tools,bus=pcie.0,addr=0x5,serial=nodebuild-tools
		-netdev
		user,id=primary
		-device
		virtio-net-pci,netdev=primary,mac=52:54:00:6e:62:00,bus=pcie.0,addr=0x6,romfile=
		-netdev
		user,id=management,restrict=on,net=10.0.3.0/24,hostfwd=tcp:127.0.0.1:0-10.0.3.15:22
		-device
		virtio-net-pci,netdev=management,mac=52:54:00:6e:62:01,bus=pcie.0,addr=0x7,romfile=
		-device
		virtio-rng-pci,bus=pcie.0,addr=0x8
		-device
		vmgenid,guid=auto
		-device
		virtio-scsi-pci,id=scsi,bus=pcie.0,addr=0xb
		-device
		pcie-root-port,id=port0,chassis=1,bus=pcie.0,addr=0x9
		-device
		pcie-root-port,id=port1,chassis=2,bus=pcie.0,addr=0xa"
	`);
});

test("a channel for the guest agent is there where it is asked for", () => {
	const channel = "virtserialport,chardev=agent,name=org.qemu.guest_agent.0";
	expect(all(argumentsOf({ agentChannel: true }), "-device")).toContain(channel);
	expect(all(argumentsOf(), "-device")).not.toContain(channel);
});

describe("acceleration", () => {
	test("KVM shows the host's CPU; emulation uses all of the host's cores", () => {
		expect(all(argumentsOf({}, {}, "kvm"), "-accel")).toEqual(["kvm"]);
		expect(all(argumentsOf({}, {}, "kvm"), "-cpu")).toEqual(["host"]);
		expect(all(argumentsOf(), "-accel")).toEqual(["tcg,thread=multi,tb-size=512"]);
	});
});

describe("nothing listens off loopback", () => {
	test.each([{ forwards: [] }, { forwards: [{ host: 8080, guest: 80, protocol: "tcp" as const }] }])("%j", (spec) => {
		const args = argumentsOf(spec, { consoleSocket: "/run/c" });
		for (const forward of args.join("\n").match(/hostfwd=[^,\n]*/g) ?? []) {
			expect(forward).toMatch(/^hostfwd=(tcp|udp):127\.0\.0\.1:/);
		}
		expect(args.join("\n")).not.toMatch(/-vnc|-spice|-gdb|telnet|0\.0\.0\.0|websocket/);
		expect(all(args, "-chardev").filter((text) => text.startsWith("socket"))).toEqual([
			expect.stringContaining("path=/run/c"),
		]);
	});

	test("the management card reaches nothing but its forwarded port", () => {
		const [, management = ""] = all(argumentsOf(), "-netdev");
		expect(management).toBe("user,id=management,restrict=on,net=10.0.3.0/24,hostfwd=tcp:127.0.0.1:0-10.0.3.15:22");
	});

	test("forwards are added to the guest's own card", () => {
		const forwards = [
			{ host: 0, guest: 80, protocol: "tcp" },
			{ host: 5353, guest: 53, protocol: "udp" },
		] as const;
		expect(all(argumentsOf({ forwards }), "-netdev")[0]).toBe(
			"user,id=primary,hostfwd=tcp:127.0.0.1:0-:80,hostfwd=udp:127.0.0.1:5353-:53",
		);
	});
});

test("commas in paths are doubled where QEMU splits at them, and left alone in JSON", () => {
	const args = argumentsOf({}, { console: "/a,b/c,d", disk: "/a,b/disk", firmware: "/x,y/fd", consoleSocket: "/s,t" });
	expect(all(args, "-chardev")[0]).toBe(
		"socket,id=console,path=/s,,t,server=on,wait=off,logfile=/a,,b/c,,d,logappend=on",
	);
	expect(all(args, "-drive")).toEqual(["if=pflash,format=raw,readonly=on,file=/x,,y/fd"]);
	expect(JSON.parse(all(args, "-blockdev")[0] ?? "")).toMatchObject({ file: { filename: "/a,b/disk" } });
});

test("a kernel is booted directly where a disk has no boot loader", () => {
	const args = argumentsOf({}, { kernel: { image: "/k", initrd: "/i", append: "root=/dev/vda1 quiet" } });
	expect([all(args, "-kernel"), all(args, "-initrd"), all(args, "-append")]).toEqual([
		["/k"],
		["/i"],
		["root=/dev/vda1 quiet"],
	]);
	expect(all(argumentsOf(), "-kernel")).toEqual([]);
});

test("seed and tools cannot be written by the guest; the disk can", () => {
	const [disk, seed, tools] = all(argumentsOf(), "-blockdev").map((text) => JSON.parse(text));
	expect(disk).toEqual(diskNodeOptions("disk-0", FILES.disk));
	expect(disk["read-only"]).toBeUndefined();
	expect([seed["read-only"], tools["read-only"]]).toEqual([true, true]);
});

test("no two devices share a place on the bus, and serials fit virtio's 20 characters", () => {
	const devices = all(argumentsOf(), "-device");
	const places = devices.flatMap((device) => /addr=(\w+)/.exec(device)?.[1] ?? []);
	expect(new Set(places).size).toBe(places.length);
	for (const device of devices) expect((/serial=([^,]*)/.exec(device)?.[1] ?? "").length).toBeLessThanOrEqual(20);
});

test("QEMU itself takes every option: stopped before it runs a guest, it answers and ends", async () => {
	const folder = await tempDir();
	const file = (name: string): string => join(folder, name);
	await Promise.all([writeFile(file("seed"), Buffer.alloc(512)), writeFile(file("tools"), Buffer.alloc(512))]);
	await runHere(["qemu-img", "create", "-q", "-f", "qcow2", file("disk, with comma"), "1M"]);
	const files = {
		disk: file("disk, with comma"),
		seed: file("seed"),
		tools: file("tools"),
		console: file("console, log"),
		consoleSocket: file("c,sock"),
	};
	const args = argumentsOf({ memory: 64, cpus: 1, forwards: [{ host: 0, guest: 80, protocol: "tcp" }] }, files);
	const stdin = ['{"execute":"qmp_capabilities"}', '{"execute":"quit"}', ""].join("\n");
	const answer = await runHere(["qemu-system-x86_64", ...args, "-S"], { stdin });
	// Emulation lacks some of the CPU model's features, and says so.
	const said = answer.stderr.split("\n").filter((line) => !line.includes("TCG doesn't support requested feature"));
	expect({ status: answer.status, said }).toEqual({ status: 0, said: [""] });
});
