/** A running QEMU process as a Machine. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, NodebuildError } from "../../errors.ts";
import type { SshGuest } from "../../guest/guest.ts";
import { settle } from "../../guest/reboot.ts";
import type { SshAddress } from "../../guest/types.ts";
import type { BlockDevice } from "../../layers/block-device.ts";
import { createOverlay } from "../../layers/overlay.ts";
import type { Companion } from "../../system/process.ts";
import type { AttachedDisk, DiskFile, FrozenDisk, FrozenLive, LiveFailure, LiveRequest, Machine } from "../types.ts";
import { type Accelerator, diskNodeOptions, type QemuFiles } from "./arguments.ts";
import { DiskSlots } from "./attach.ts";
import { blockError, kernelPanic, kvmFailed, poweredOff, qemuEnded } from "./failures.ts";
import { mayReadMemory } from "./live/memory.ts";
import type { LiveRecord } from "./live/state.ts";
import {
	type LiveIdentity,
	type LiveProcess,
	liveFailure,
	loadDevices,
	loadMemory,
	saveLive,
} from "./live/transfer.ts";
import { AGENT_PORT, MANAGEMENT_ADDRESS } from "./names.ts";
import { withNbdDevice } from "./nbd.ts";
import { watchForPanic } from "./panic.ts";
import type { Qmp } from "./qmp.ts";

export interface QemuMachineOptions {
	readonly qmp: Qmp;
	readonly process: Companion;
	readonly files: QemuFiles;
	readonly folder: string;
	readonly virtualSize: number;
	/** Public key that its sshd shows. */
	readonly hostKey: string;
	/** What a live state of this machine says of itself; undefined: it takes none. */
	readonly identity?: LiveIdentity;
	readonly accelerator: Accelerator;
}

/** Milliseconds a guest may take to power itself off. */
const POWER_OFF_TIMEOUT = 120_000;
/** Name of the socket in the machine's folder. */
const DISK_SOCKET = "disk.nbd";

const CRASHES = new Set(["SIGABRT", "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE"]);

export class QemuMachine implements Machine {
	readonly #options: QemuMachineOptions;
	readonly ports = new Map<string, number>();
	/** Resolves when the QEMU process is gone. */
	readonly gone: Promise<void>;
	managementPort = 0;
	agentPort = 0;
	ended = false;
	failure: NodebuildError | undefined;
	/** QEMU ended by a signal that a defect of its own raises. */
	crashed = false;
	#panicked = false;
	readonly #slots: DiskSlots;
	#guest: SshGuest | undefined;
	#overlay = 0;
	#ram: { readonly name: string; readonly file: string } | undefined;
	/** We ended it ourselves. */
	#ending = false;

	constructor(options: QemuMachineOptions) {
		this.#options = options;
		const panic = watchForPanic({
			console: options.files.console,
			onPanic: (line) => {
				this.#panicked = true;
				this.failure ??= kernelPanic(line);
				options.process.kill("SIGKILL");
			},
		});
		this.#slots = new DiskSlots(options.qmp);
		options.qmp.onEvent(({ event, data }) => {
			if (event === "RESET") panic.reset();
			if (event === "SHUTDOWN" && data.guest === true && !this.#ending) this.failure ??= poweredOff();
			if (event === "STOP" && options.accelerator === "kvm") void this.#requireSoundStop();
			if (event !== "BLOCK_IO_ERROR") return;
			this.failure ??= blockError(data);
			options.process.kill("SIGKILL");
		});
		this.gone = options.process.exited.then(({ status, signal }) => {
			this.ended = true;
			panic.stop();
			this.crashed = signal !== undefined && CRASHES.has(signal);
			if (!this.#ending) this.failure ??= qemuEnded(status, signal);
		});
	}

	/** QEMU stops a guest whose instructions KVM cannot run (qapi/run-state.json, "internal-error"); nothing goes on then. */
	async #requireSoundStop(): Promise<void> {
		const answer = await this.#options.qmp.execute("query-status").catch(() => undefined);
		if ((answer as { status?: string } | undefined)?.status !== "internal-error") return;
		this.failure ??= kvmFailed();
		this.#options.process.kill("SIGKILL");
	}

	get unsound(): boolean {
		return this.#panicked || this.crashed;
	}

	get guest(): SshGuest {
		if (this.#guest !== undefined) return this.#guest;
		throw new NodebuildError({ code: "INTERNAL", message: "the machine is not connected yet" });
	}

	get address(): SshAddress {
		return { host: "127.0.0.1", port: this.managementPort, hostKey: this.#options.hostKey };
	}

	get consoleSocket(): string | undefined {
		return this.#options.files.consoleSocket;
	}

	get activeDisk(): string {
		return join(this.#options.folder, `disk-${this.#overlay}.qcow2`);
	}

	attachGuest(guest: SshGuest): void {
		this.#guest = guest;
	}

	/** Ask QEMU which host ports the kernel chose ("info usernet"). */
	async readPorts(): Promise<void> {
		const text = await this.#options.qmp.human("info usernet");
		for (const line of text.split("\n")) {
			const row = /^\s+(TCP|UDP)\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+(\S+)\s+(\d+)/.exec(line);
			if (row === null) continue;
			const [, protocol = "", host = "", address = "", port = ""] = row;
			if (address === MANAGEMENT_ADDRESS && Number(port) === AGENT_PORT) this.agentPort = Number(host);
			else if (address === MANAGEMENT_ADDRESS) this.managementPort = Number(host);
			else this.ports.set(`${port}/${protocol.toLowerCase()}`, Number(host));
		}
		if (this.managementPort !== 0) return;
		throw new NodebuildError({
			code: "MACHINE_START",
			message: "QEMU did not tell the forwarded SSH port",
			details: text.split("\n"),
		});
	}

	async settle(signal?: AbortSignal): Promise<void> {
		await settle(this.guest, signal);
	}

	get canFreezeLive(): boolean {
		const { identity, files, process } = this.#options;
		return identity !== undefined && files.ram !== undefined && mayReadMemory(process.pid);
	}

	async prepareLive(): Promise<void> {
		await this.guest.startAgent(MANAGEMENT_ADDRESS, AGENT_PORT);
	}

	attach(disk: DiskFile): Promise<AttachedDisk> {
		return this.#slots.attach(disk, this.guest);
	}

	async freeze(nextBackingName: string, request?: LiveRequest): Promise<FrozenDisk> {
		const { qmp, folder, virtualSize } = this.#options;
		this.#requireNothingAttached();
		const frozen = this.activeDisk;
		const from = `disk-${this.#overlay}`;
		const next = `disk-${this.#overlay + 1}`;
		const file = join(folder, `${next}.qcow2`);
		await createOverlay({ file, backingName: nextBackingName, backingFormat: "qcow2", virtualSize });
		let live: FrozenLive | LiveFailure | undefined;
		let start = performance.now();
		try {
			await qmp.execute("blockdev-add", { ...diskNodeOptions(next, file), backing: null });
			start = performance.now();
			// A live state is an accelerator: without it the layer is as good.
			if (request !== undefined) live = await this.#save(request).catch(liveFailure);
			// Drains requests, flushes the old overlay's metadata and switches, all in one.
			await qmp.execute("blockdev-snapshot", { node: from, overlay: next });
		} catch (error) {
			if (/No space left on device/.test(messageOf(error))) throw blockError({ nospace: true }, error);
			throw error;
		}
		if (request !== undefined) await qmp.execute("cont");
		this.#overlay += 1;
		const stopped = performance.now() - start;
		if (live?.ok === false) await discard(request);
		return { file: frozen, stopped, ...(live === undefined ? {} : { live }) };
	}

	standOn(ram: { readonly name: string; readonly file: string }): void {
		this.#ram = ram;
	}

	async freezeLive(request: LiveRequest): Promise<FrozenLive | LiveFailure> {
		this.#requireNothingAttached();
		const live = await this.#save(request, this.activeDisk).catch(liveFailure);
		await this.#options.qmp.execute("cont");
		if (!live.ok) await discard(request);
		return live;
	}

	/** A machine that is resumed has no such disk. */
	#requireNothingAttached(): void {
		if (this.#slots.count === 0) return;
		throw new NodebuildError({ code: "INTERNAL", message: "a disk is attached to the machine that is to be frozen" });
	}

	async #save(request: LiveRequest, disk?: string): Promise<FrozenLive> {
		const { identity } = this.#options;
		if (identity === undefined)
			throw new NodebuildError({ code: "INTERNAL", message: "this machine has no live state" });
		const ram = this.#ram?.name ?? identity.ram;
		const { bootId = "", agentKey: key } = this.guest;
		const agent = key === undefined ? {} : { agent: key };
		return saveLive(this.#live, request, { ...identity, ram, bootId, ...agent }, disk);
	}

	/** Load the memory of a live state into this machine, which is being started to wait for one: see transfer.ts. */
	async loadMemory(folder: string, record: LiveRecord, up: Promise<unknown>): Promise<void> {
		await loadMemory(this.#live, folder, record, up);
	}

	/** Have this machine, whose memory is loaded, go on from a live state. */
	async resume(folder: string, record: LiveRecord, signal?: AbortSignal): Promise<void> {
		await loadDevices(this.#live, folder, record, signal);
	}

	get #live(): LiveProcess {
		const { qmp, process, files } = this.#options;
		const against = this.#ram === undefined ? {} : { against: this.#ram.file };
		return { qmp, pid: process.pid, ramFile: files.ram ?? "", ...against };
	}

	async useDisk<T>(use: (disk: BlockDevice) => Promise<T>): Promise<T> {
		const { qmp, process } = this.#options;
		// Relative to QEMU's working folder: a path of a socket must be short.
		await qmp.execute("nbd-server-start", { addr: { type: "unix", data: { path: DISK_SOCKET } } });
		const node = `disk-${this.#overlay}`;
		await qmp.execute("block-export-add", { type: "nbd", id: "disk", name: "disk", "node-name": node, writable: true });
		return await withNbdDevice(`/proc/${process.pid}/cwd/${DISK_SOCKET}`, "disk", use);
	}

	async powerOff(): Promise<void> {
		this.#ending = true;
		const timer = setTimeout(() => this.#options.process.kill("SIGKILL"), POWER_OFF_TIMEOUT);
		await this.gone;
		clearTimeout(timer);
	}

	async quit(): Promise<void> {
		this.#ending = true;
		// QEMU flushes its caches before it ends; an error means that it has ended already.
		await this.#options.qmp.execute("quit").catch(() => undefined);
		await this.gone;
		if (this.failure !== undefined) throw this.failure;
	}

	async kill(): Promise<void> {
		this.#ending = true;
		this.#guest?.abandon();
		this.#options.process.kill("SIGKILL");
		await this.gone;
	}

	async consoleTail(lines: number): Promise<readonly string[]> {
		const text = await readFile(this.#options.files.console, "utf8").catch(() => "");
		return cleanConsole(text).slice(-lines);
	}
}

/** A live state that was not to be: its room is the layer's. */
async function discard(request: LiveRequest | undefined): Promise<void> {
	if (request !== undefined) await rm(request.folder, { recursive: true, force: true });
}

/** Console text as lines: escape sequences of firmware and boot loader removed, blank lines dropped. */
export function cleanConsole(text: string): string[] {
	// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal escape sequences start with ESC
	const plain = text.replace(/\u001b(?:\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[=>c])/g, "");
	return plain
		.split(/\r?\n|\r/)
		.map((line) => line.trimEnd())
		.filter((line) => line !== "");
}
