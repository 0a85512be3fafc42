/** Bring up a QEMU machine from a disk and wait until one can work in it. */
import { constants } from "node:fs";
import { chmod, copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Digest } from "../../digest.ts";
import { NodebuildError } from "../../errors.ts";
import type { Resumed } from "../../guest/connect.ts";
import { SshGuest } from "../../guest/guest.ts";
import { type ReadinessWarning, waitUntilReady } from "../../guest/readiness.ts";
import { noteBoot } from "../../guest/reboot.ts";
import { deepBacking } from "../../layers/backing.ts";
import { createOverlay } from "../../layers/overlay.ts";
import { portUnusable } from "../../system/ports.ts";
import { startCompanion } from "../../system/process.ts";
import type { Machine, MachineDisk, MachineSpec } from "../types.ts";
import { Activity } from "./activity.ts";
import type { Accelerator, QemuFiles } from "./arguments.ts";
import { qemuArguments } from "./arguments.ts";
import type { SeedPurpose } from "./guest-files.ts";
import { DISK, type LiveRecord, requireWhole } from "./live/state.ts";
import { QemuMachine } from "./machine.ts";
import { Qmp } from "./qmp.ts";
import { writeSeed, writeTools } from "./seed.ts";

export interface StartOptions {
	readonly spec: MachineSpec;
	readonly disk: MachineDisk;
	/** Private folder for overlays, seeds and logs; its owner removes it. */
	readonly folder: string;
	/** Folder of this host's for what is the same for all machines. */
	readonly keep?: string;
	readonly qemu: string;
	readonly accelerator: Accelerator;
	/** "build": our access lasts over reboots (a file on the disk); "run": nothing is written. */
	readonly purpose: SeedPurpose;
	/** cloud-init has work to do and is waited for. */
	readonly firstBoot: boolean;
	readonly kernel?: QemuFiles["kernel"];
	readonly firmware?: string;
	/** Give the machine a memory that can be frozen. */
	readonly live?: {
		readonly fits: Digest;
		/** Name of the base RAM file, and where it lies. */
		readonly ram: string;
		readonly ramFile: string;
		/** Resume this state instead of booting. */
		readonly state?: { readonly folder: string; readonly record: LiveRecord };
	};
	readonly signal?: AbortSignal;
	readonly onNote?: (note: string) => void;
	readonly onWarning?: (warning: ReadinessWarning) => void;
}

/** Milliseconds for a resumed guest to answer: it did so when it was frozen. Four times as long while it is at work. */
const RESUME_TIMEOUT = 30_000;

/** Milliseconds until a guest must answer over SSH; four times as long while it is at work. */
const BOOT_TIMEOUT = { kvm: 180_000, tcg: 300_000 } as const;

/**
 * @throws NodebuildError MACHINE_START when QEMU does not run, QEMU_CRASHED, MACHINE_NOT_READY with the console's
 * last lines when the guest does not come up, INTERRUPTED.
 */
export async function startMachine(options: StartOptions): Promise<Machine> {
	const { folder, spec } = options;
	const state = options.live?.state;
	const { client, host } = state?.record ?? (await newKeys());
	// Nothing of a torn state is loaded; what is whole, while QEMU comes up.
	const whole = state === undefined ? Promise.resolve() : requireWhole(state.folder, state.record);
	whole.catch(() => undefined);
	const disk = join(folder, "disk-0.qcow2");
	const [seed, tools] = await allDone([
		writeSeed(folder, {
			purpose: options.purpose,
			instance: "nodebuild-1",
			hostname: spec.hostname ?? "localhost",
			...(options.keep === undefined ? {} : { keep: options.keep }),
		}),
		writeTools(folder, {
			hostKey: host.private,
			authorized: client.public,
			fixedAddresses: options.purpose === "build" && options.accelerator === "tcg",
		}),
		makeDisk(disk, options),
	]);
	const backing = deepBacking(disk);
	const files: QemuFiles = {
		disk,
		...(backing === undefined ? {} : { backing }),
		diskNode: "disk-0",
		seed,
		tools,
		console: join(folder, "console.log"),
		...(options.live === undefined ? {} : { ram: options.live.ramFile, incoming: state !== undefined }),
		...(spec.consoleSocket === undefined ? {} : { consoleSocket: spec.consoleSocket }),
		...(options.kernel === undefined ? {} : { kernel: options.kernel }),
		...(options.firmware === undefined ? {} : { firmware: options.firmware }),
	};
	const stderrFile = join(folder, "qemu.log");
	const process = await startCompanion(options.qemu, qemuArguments(spec, files, options.accelerator), {
		stderrFile,
		cwd: folder,
	});
	const activity = new Activity(process.pid, files.console);
	const qmp = new Qmp(process.stdout, process.stdin);
	const { virtualSize } = options.disk;
	const identity = options.live && { fits: options.live.fits, ram: options.live.ram, client, host };
	const machine = new QemuMachine({
		qmp,
		process,
		files,
		folder,
		virtualSize,
		hostKey: host.public,
		accelerator: options.accelerator,
		...(identity === undefined ? {} : { identity }),
	});
	try {
		const up = qmp.negotiate();
		const loaded = state && whole.then(() => machine.loadMemory(state.folder, state.record, up));
		loaded?.catch(() => undefined);
		await up;
		await loaded;
		if (state !== undefined) await machine.resume(state.folder, state.record, options.signal);
		await machine.readPorts();
		options.onNote?.(state === undefined ? "waiting for SSH" : "waiting for the guest");
		const guest = await SshGuest.connect({
			target: { ...machine.address, key: client.private },
			gone: machine.gone,
			crashed: async () => (await machine.consoleTail(500)).some((line) => line.includes("Kernel panic")),
			atWork: () => activity.worked(),
			bootTimeout: BOOT_TIMEOUT[options.accelerator],
			...(state === undefined ? {} : { resumed: resumed(machine, state.record) }),
			...(options.signal === undefined ? {} : { signal: options.signal }),
		});
		machine.attachGuest(guest);
		guest.bootId = state?.record.bootId;
		if (state !== undefined) return machine;
		await noteBoot(guest);
		options.onNote?.(options.firstBoot ? "waiting for cloud-init" : "waiting for the system");
		for (const warning of await waitUntilReady(guest, options.firstBoot)) options.onWarning?.(warning);
		return machine;
	} catch (error) {
		const failure = await explain(error, machine, stderrFile);
		await machine.kill();
		throw failure;
	}
}

async function newKeys(): Promise<Pick<LiveRecord, "client" | "host">> {
	const { generateKeyPair } = await import("../../guest/ssh.ts");
	return { client: generateKeyPair("nodebuild"), host: generateKeyPair("nodebuild-host") };
}

function resumed({ address, agentPort }: QemuMachine, { agent: key }: LiveRecord): Resumed {
	const agent = key === undefined ? {} : { agent: { host: address.host, port: agentPort, key } };
	return { timeout: RESUME_TIMEOUT, ...agent };
}

/** The overlay that the machine writes to: a new one, or where a live state has one of its own, a copy of that. */
async function makeDisk(file: string, { disk, live }: StartOptions): Promise<void> {
	const { backingName, format: backingFormat = "qcow2", virtualSize } = disk;
	if (live?.state?.record.diskSha256 === undefined)
		return await createOverlay({ file, backingName, backingFormat, virtualSize });
	await copyFile(join(live.state.folder, DISK), file, constants.COPYFILE_FICLONE);
	await chmod(file, 0o600);
}

/** As Promise.all, but nothing is at work any more when it rejects: the folder is about to be removed. */
async function allDone<T extends readonly Promise<unknown>[]>(
	work: readonly [...T],
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
	await Promise.allSettled(work);
	return Promise.all(work);
}

const CRASHED =
	"run the build again; where it goes on, another version of QEMU may not have this defect (NODEBUILD_QEMU)";

/** Another program took a port between our look at it and QEMU's. */
function portTaken(said: string, cause: unknown): NodebuildError | undefined {
	const rule = /Could not set up host forwarding rule '(tcp|udp):127\.0\.0\.1:(\d+)-[\d.]*:(\d+)'/.exec(said);
	if (rule === null) return undefined;
	const [, protocol, host, guest] = rule;
	return portUnusable(
		{ protocol: protocol === "udp" ? "udp" : "tcp", host: Number(host), guest: Number(guest) },
		cause,
	);
}

async function explain(error: unknown, machine: QemuMachine, stderrFile: string): Promise<unknown> {
	if (!(error instanceof NodebuildError) || error.code === "INTERRUPTED") return error;
	// Its pipes close before it is told how it ended.
	if (error.code === "MACHINE_LOST") await Promise.race([machine.gone, setTimeout(1000, undefined, { ref: false })]);
	if (machine.failure !== undefined && machine.failure.code !== "MACHINE_LOST") return machine.failure;
	const said = await readFile(stderrFile, "utf8").catch(() => "");
	const taken = portTaken(said, error);
	if (taken !== undefined) return taken;
	const console = await machine.consoleTail(15);
	const lost = machine.ended && error.code === "MACHINE_LOST";
	const { message } = machine.failure ?? error;
	return new NodebuildError({
		code: lost ? (machine.crashed ? "QEMU_CRASHED" : "MACHINE_START") : error.code,
		message: machine.ended ? `the machine did not start: ${message}` : error.message,
		hint: machine.crashed ? CRASHED : (error.hint ?? 'see "nodebuild doctor" for what this machine lacks'),
		details: [
			...error.details,
			...(said === ""
				? []
				: [
						"QEMU said:",
						...said
							.trimEnd()
							.split("\n")
							.slice(-5)
							.map((line) => `  ${line}`),
					]),
			...(console.length === 0 ? [] : ["the guest's console ended with:", ...console.map((line) => `  ${line}`)]),
		],
		cause: error,
	});
}
