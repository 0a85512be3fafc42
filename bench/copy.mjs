/**
 * A COPY into a machine: as a disk and over SSH, beside `tar | ssh` and beside what the guest's tar can do at all, from
 * an archive on its own disk.
 *
 *   node bench/copy.mjs [--json FILE] [--rounds N] [--shape mixed|small|large|tiny ...]
 *
 * Uses the store of NODEBUILD_HOME, and boots one machine.
 */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, openSync, closeSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { machine, program, remove, report, sources, writeSmallFiles } from "./support.mjs";

const { values } = parseArgs({
	options: {
		json: { type: "string", default: "bench-copy.json" },
		rounds: { type: "string", default: "3" },
		shape: { type: "string", multiple: true, default: ["mixed", "small"] },
	},
});
const folder = mkdtempSync(join(tmpdir(), "nodebuild-bench-"));
const TAR = [
	"tar",
	"-x",
	"-p",
	"-C",
	"/opt/bench",
	"--numeric-owner",
	"--no-overwrite-dir",
	"--keep-directory-symlink",
];

/** @type {Record<string, (root: string) => void>} */
const SHAPES = {
	mixed: (root) => {
		writeSmallFiles(root, 2000, 4096);
		writeLarge(join(root, "large.bin"), 100);
	},
	small: (root) => writeSmallFiles(root, 10_000, 4096),
	large: (root) => {
		writeSmallFiles(root, 1, 1);
		writeLarge(join(root, "large.bin"), 1024);
	},
	tiny: (root) => {
		writeSmallFiles(root, 10, 4096);
		writeLarge(join(root, "large.bin"), 8);
	},
};

/** Nothing that compresses or repeats in blocks. @param {string} file @param {number} mebibytes */
function writeLarge(file, mebibytes) {
	const piece = Buffer.alloc(1 << 20);
	for (let at = 0, state = 1; at < piece.length; at += 4) {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		piece.writeUInt32LE(state, at);
	}
	const handle = openSync(file, "w");
	for (let index = 0; index < mebibytes; index++) {
		piece.writeUInt32LE(index, 0);
		writeSync(handle, piece);
	}
	closeSync(handle);
}

/** @param {string} file @param {readonly string[]} args */
function must(file, args) {
	const { status, stdout } = spawnSync(file, args, { stdio: ["ignore", "pipe", "inherit"] });
	if (status !== 0) throw new Error(`${file} ${args.join(" ")} ended with ${status}`);
	return String(stdout);
}

/** A machine at the booted base, its port and a key for OpenSSH's client. @param {any} nodebuild @param {any} store */
async function bringUp(nodebuild, store) {
	const nodefile = join(folder, "Nodefile");
	writeFileSync(nodefile, "FROM debian:12\nRUN mkdir -p /opt/bench\n");
	const live = process.env.NODEBUILD_BENCH_LIVE ?? "auto";
	must(process.execPath, [program, "build", "-q", "--live", live, "-f", nodefile]);
	const { plan } = JSON.parse(must(process.execPath, [program, "plan", "--json", "-f", nodefile]));
	const layer = await store.layers.find(plan.stages[0].steps.at(-1).key);
	const options = { memory: 1024, cpus: 2, signal: new AbortController().signal, emit: () => undefined, live };
	const running = await nodebuild.startAt(layer, store, options);
	const key = join(folder, "key");
	must("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
	chmodSync(key, 0o600);
	const { guest } = running.machine;
	const append = "cat >> /etc/ssh/authorized_keys";
	await guest.capture({
		argv: ["sh", "-c", `exec nsenter -t "$PPID" -m -- sh -c '${append}'`],
		stdin: must("cat", [`${key}.pub`]),
	});
	return { running, guest, key };
}

/** @param {any} running @param {string} key @param {string} cipher @param {string} archive */
function overOpenSsh(running, key, cipher, archive) {
	const options = ["-q", "-i", key, "-c", cipher, "-p", String(running.machine.managementPort)];
	const trust = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes"];
	const command = `exec nsenter -t 1 -m -- ${TAR.join(" ")} -f -`;
	const input = openSync(archive, "r");
	const child = spawn("ssh", [...options, ...trust, "root@127.0.0.1", command], {
		stdio: [input, "ignore", "inherit"],
	});
	return new Promise((resolve, reject) => {
		child.on("close", (status) => (status === 0 ? resolve(undefined) : reject(new Error(`ssh ended with ${status}`))));
	}).finally(() => closeSync(input));
}

/** @param {any} nodebuild @param {any} up @param {string} shape */
async function benchShape(nodebuild, { running, guest, key }, shape) {
	const root = join(folder, shape);
	SHAPES[shape]?.(root);
	const context = await nodebuild.openContext({ root });
	const copy = await context.resolve({ paths: ["."], exclude: [], parents: false, unpack: false });
	const archive = join(folder, `${shape}.tar`);
	must("tar", ["-c", "-f", archive, "-C", root, "."]);
	const signal = new AbortController().signal;
	const disks = { folder: running.work.path, attach: (/** @type {any} */ disk) => running.machine.attach(disk) };
	const common = { guest, tar: TAR, signal, onStderr: (/** @type {Uint8Array} */ data) => process.stderr.write(data) };
	const open = () => nodebuild.copyStream(copy, { targets: ["/"], uid: 0, gid: 0 });
	/** @param {object} more */
	const ours = async (more) => {
		const { status } = await nodebuild.extractArchive({ ...common, open, ...more });
		if (status !== 0) throw new Error(`tar ended with ${status}`);
	};
	/** An empty folder, and nothing left to be written. @param {() => Promise<unknown>} work */
	const clean = async (work) => {
		await guest.script("rm -rf /opt/bench && mkdir /opt/bench && sync && echo 1 > /proc/sys/vm/drop_caches");
		const started = performance.now();
		await work();
		return (performance.now() - started) / 1000;
	};
	// The archive on the guest's own disk, brought there in our way.
	const local = await running.machine.attach({ file: archive, format: "raw", readOnly: true });
	await guest.script(`dd if=${local.device} of=/var/tmp/bench.tar bs=1M status=none && sync`);
	await local.detach();
	const request = { origins: [], dest: "/opt/bench/", link: false, parents: false, exclude: [], unpack: false };
	const ways = {
		"COPY, as a disk": () => nodebuild.copyIntoGuest(nodebuild.machineDestination(guest, disks), request, copy, signal),
		"in the guest, from its own disk": () =>
			guest.script(`exec ${TAR.join(" ")} -b 2048 -f /var/tmp/bench.tar`, { timeout: 600_000 }),
		"as a stream": () => ours({ bytes: 0 }),
		"tar | ssh, chacha20-poly1305": () => overOpenSsh(running, key, "chacha20-poly1305@openssh.com", archive),
		"tar | ssh, aes128-gcm": () => overOpenSsh(running, key, "aes128-gcm@openssh.com", archive),
	};
	/** @type {Record<string, number[]>} */
	const seconds = {};
	for (let round = 0; round < Number(values.rounds); round++) {
		for (const [name, work] of Object.entries(ways)) seconds[name] = [...(seconds[name] ?? []), await clean(work)];
	}
	await guest.script("rm -rf /opt/bench /var/tmp/bench.tar");
	report(`COPY of the shape "${shape}", ${(copy.bytes / 2 ** 20).toFixed(0)} MiB`, seconds);
	return seconds;
}

try {
	const nodebuild = await sources(
		[
			"build/copy.ts",
			"build/destination.ts",
			"build/machines.ts",
			"build/transport.ts",
			"context/index.ts",
			"layers/store.ts",
		],
		folder,
	);
	const home = process.env.NODEBUILD_HOME;
	if (home === undefined) throw new Error("expected NODEBUILD_HOME to name the store to use");
	const store = await nodebuild.openStore(home);
	const up = await bringUp(nodebuild, store);
	try {
		/** @type {Record<string, unknown>} */
		const copies = {};
		for (const shape of values.shape ?? []) copies[shape] = await benchShape(nodebuild, up, shape);
		writeFileSync(values.json, `${JSON.stringify({ machine, copies }, null, 2)}\n`);
	} finally {
		await up.running[Symbol.asyncDispose]();
		await store.close();
	}
} finally {
	remove(folder);
}
