/** A base from the distribution's packages, for hosts that reach a package mirror and nothing else. */
import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import { messageOf, NodebuildError } from "../../errors.ts";
import * as qcow2 from "../../layers/qcow2.ts";
import type { BootstrapSource } from "../../plan/base-map.ts";
import { requireSpace } from "../../system/files.ts";
import { digestFile } from "../digest-file.ts";
import { architectureOf } from "../guess.ts";
import { digestOfHex } from "../import.ts";
import type { NamedBase } from "../map.ts";
import { located, type ResolveOptions, task } from "../options.ts";
import { type Base, BOOTSTRAP } from "../types.ts";
import { writeDisk } from "./disk.ts";
import { findMirror } from "./mirror.ts";
import { makeTree } from "./tree.ts";

/** As the vendors' cloud images: a machine with a larger disk grows its root on the first boot. */
const DISK_SIZE = 3 * 2 ** 30;
/** Bytes wanted free: packages, tree, disk and qcow2 are there at once. */
const ROOM = 4 * 2 ** 30;

/**
 * Build the base, boot it from its own boot loader, and keep it.
 * @throws NodebuildError BASE_UNAVAILABLE without a mirror or for another architecture than the host's,
 *   BASE_BOOTSTRAP when building or booting fails, HOST_TOOL_MISSING, HOST_DISK_FULL.
 */
export async function bootstrap(base: NamedBase, source: BootstrapSource, options: ResolveOptions): Promise<Base> {
	const architecture = requireNative(base.name, source, options);
	await using _lock = await options.store.lock(`bootstrap:${base.name}:${architecture}`, {
		...(options.signal === undefined ? {} : { signal: options.signal }),
		onWait: () => options.emit({ type: "info", message: `another build is making ${base.name}: waiting for it` }),
	});
	const meanwhile = options.refresh === true ? undefined : await options.store.bases.findRef(base.name, architecture);
	if (meanwhile?.source === BOOTSTRAP) return meanwhile;
	await using work = await options.store.workDir();
	await requireSpace(work.path, ROOM, `bootstrap ${base.name}`);
	const disk = await build(base, source, architecture, work.path, options);
	await task(options, "base-verify", `boot ${base.name} from its own boot loader`, () => tryBoot(disk, options));
	const { sha256 } = await digestFile(disk, ["sha256"], options.signal);
	const { family, defaultUser } = base.entry;
	return await options.store.bases.add(
		{
			version: 1,
			digest: digestOfHex(sha256),
			ref: base.name,
			family,
			architecture,
			...(defaultUser === undefined ? {} : { defaultUser }),
			source: BOOTSTRAP,
			created: new Date().toISOString(),
			sourceFormat: "qcow2",
			virtualSize: DISK_SIZE,
			verified: "booted",
		},
		disk,
	);
}

function requireNative(name: string, source: BootstrapSource, options: ResolveOptions): "amd64" | "arm64" {
	const wanted = architectureOf(options.platform);
	const native = architectureOf(process.arch);
	if (
		(wanted === "amd64" || wanted === "arm64") &&
		wanted === native &&
		source.architecturePackages[wanted] !== undefined
	) {
		return wanted;
	}
	throw located(options, {
		code: "BASE_UNAVAILABLE",
		message: `expected to bootstrap ${name} for this host's own architecture (${native}), got ${wanted}`,
		hint: "packages of another architecture cannot be configured here: fetch the cloud image where it can be reached, and name it as FROM ./disk.qcow2",
	});
}

async function build(
	base: NamedBase,
	source: BootstrapSource,
	architecture: "amd64" | "arm64",
	folder: string,
	options: ResolveOptions,
): Promise<string> {
	const signal = options.signal === undefined ? {} : { signal: options.signal };
	const raw = join(folder, "disk.raw");
	const disk = join(folder, "base.qcow2");
	await task(options, "base", `bootstrap ${base.name} from the host's package mirror`, async () => {
		const mirror = await findMirror(source, { aptDirectory: options.aptDirectory ?? "/etc/apt", folder, ...signal });
		const identity = { root: randomUUID(), efi: volumeId() };
		const { title } = base.entry;
		const finish = { identity, source, title, architecture, guestSources: mirror.guestSources };
		const root = process.getuid?.() === 0;
		const onLine = (line: string): void => {
			if (/^[IWE]: /.test(line)) options.emit({ type: "task-log", id: "base", line });
		};
		const tree = await makeTree({ source, mirror, finish, architecture, folder, onLine, root, ...signal });
		const vendor = source.distribution;
		await writeDisk({ file: raw, size: DISK_SIZE, identity, architecture, vendor, tree, folder, ...signal });
		await qcow2.convert(raw, disk, { srcFormat: "raw", dstFormat: "qcow2", ...signal });
	});
	return disk;
}

function volumeId(): string {
	const hex = randomBytes(4).toString("hex").toUpperCase();
	return `${hex.slice(0, 4)}-${hex.slice(4)}`;
}

async function tryBoot(disk: string, options: ResolveOptions): Promise<void> {
	try {
		await options.boot({ file: disk, format: "qcow2" }, {}, async (guest) => {
			await guest.script("set -eu\ntest -s /boot/grub/grub.cfg\ngrep -q BOOT_IMAGE= /proc/cmdline\n");
		});
	} catch (error) {
		if (error instanceof NodebuildError && error.code === "INTERRUPTED") throw error;
		throw located(options, {
			code: "BASE_BOOTSTRAP",
			message: `expected the bootstrapped base to boot from its own boot loader: ${messageOf(error)}`,
			hint: "nothing was kept",
			details: error instanceof NodebuildError ? error.details : [],
			cause: error,
		});
	}
}
