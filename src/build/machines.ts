/** Machines for a build: which QEMU, which accelerator, from which disk. */
import { totalmem } from "node:os";
import { join } from "node:path";
import type { Digest } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import type { Emit } from "../events.ts";
import { backingNameOfDisk } from "../layers/paths.ts";
import type { Store } from "../layers/store.ts";
import type { WorkDir } from "../layers/work-dir.ts";
import type { Layer } from "../layers/types.ts";
import type { Accelerator } from "../machine/qemu/arguments.ts";
import type { StartOptions } from "../machine/qemu/start.ts";
import type { Machine, MachineSpec } from "../machine/types.ts";
import { readEnvironment } from "../system/env.ts";
import { exists, formatBytes, liesInMemory, makeFolder } from "../system/files.ts";
import { emulateFromNowOn, type Host, onSoundHost, watchKvm } from "./sound-host.ts";
import { noteCost } from "./costs.ts";
import { type LiveSettings, liveOf, withRam } from "./live.ts";
import { takesLive } from "./live-mode.ts";
import { type Task, task } from "./task.ts";
import type { BuildOptions } from "./types.ts";

/** A machine with the folder that its files lie in; the folder goes with it. */
export interface Running extends AsyncDisposable {
	readonly machine: Machine;
	readonly work: WorkDir;
	/** Milliseconds from the start of QEMU until the guest was ready. */
	readonly bootMilliseconds: number;
	/** The live state that it was resumed from; absent: it was booted. */
	readonly from?: { readonly layer: Digest; readonly fits: Digest };
	/** A secret was in its memory: no live state is taken of it. */
	tainted: boolean;
	/** Its memory lies so that a live state can be taken of it. */
	readonly mapped: boolean;
	readonly accelerator: Accelerator;
}

export interface StartRequest {
	readonly store: Store;
	/** Absolute path of a disk of the store. */
	readonly disk: string;
	/** Bytes. */
	readonly virtualSize: number;
	readonly spec: MachineSpec;
	readonly purpose: StartOptions["purpose"];
	readonly firstBoot: boolean;
	readonly title: string;
	readonly signal: AbortSignal;
	readonly emit: Emit;
	/** Milliseconds that a guest's console may be silent while it boots, under KVM that has not proven itself. */
	readonly patience?: number;
	/** Key of the layer that `disk` is, when its live state may be used and new ones may be taken. */
	readonly live?: { readonly layer: Digest | undefined };
}

let said = false;

/** Find out once which QEMU and accelerator this host has, and say it. */
export async function probeHost(store: Store, emit: Emit, signal: AbortSignal): Promise<Host> {
	const { probeAccelerator } = await import("../machine/qemu/accelerator.ts");
	const environment = readEnvironment();
	const qemu = environment.qemu ?? (await defaultQemu(environment.searchPath));
	// The probe's answer is remembered; QEMU may have gone since.
	if (qemu.includes("/") && !(await exists(qemu))) throw missing(qemu);
	const cacheDir = join(store.home, "host");
	await makeFolder(cacheDir, 0o700);
	const report = await probeAccelerator({ qemu, choice: environment.accelerator, cacheDir, signal });
	if (!said && report.accelerator === "tcg")
		emit({ type: "info", message: `machines are emulated, which is slower than KVM: ${report.why}` });
	said = true;
	return { qemu, report };
}

/** Distributions of the RHEL family have QEMU off the PATH. */
async function defaultQemu(searchPath: readonly string[]): Promise<string> {
	const elsewhere = "/usr/libexec/qemu-kvm";
	for (const path of [...searchPath.map((folder) => join(folder, "qemu-system-x86_64")), elsewhere])
		if (await exists(path)) return path;
	throw missing("qemu-system-x86_64");
}

function missing(program: string): NodebuildError {
	return new NodebuildError({
		code: "HOST_TOOL_MISSING",
		message: `the program ${program} is not installed`,
		hint: 'install QEMU (Debian and Ubuntu: apt-get install qemu-system-x86), then see "nodebuild doctor"',
	});
}

/** @throws NodebuildError MACHINE_START, MACHINE_NOT_READY, HOST_MEMORY, HOST_TOOL_MISSING, HOST_DISK_FULL, INTERRUPTED. */
export async function start(request: StartRequest): Promise<Running> {
	const { store, emit, signal } = request;
	requireMemory(request.spec.memory);
	const host = await probeHost(store, emit, signal);
	const live = await livePossible(request, host);
	if (live?.state !== undefined) {
		const resumed = await resume(request, host, live);
		if (resumed !== undefined) return resumed;
	}
	const boot = (on: Host, settings: LiveSettings | undefined): Promise<Running> =>
		task(emit, request.title, (handle) => bring(request, on, handle, settings && { fits: settings.fits }));
	return await onSoundHost(host, request, async (on) => boot(on, on === host ? live : await livePossible(request, on)));
}

function requireMemory(mebibytes: number): void {
	const has = totalmem();
	if (mebibytes * 2 ** 20 <= has) return;
	throw new NodebuildError({
		code: "HOST_MEMORY",
		message: `expected a machine's memory to be less than this host's ${formatBytes(has)}, got ${formatBytes(mebibytes * 2 ** 20)}`,
		hint: "give it less with --memory (or NODEBUILD_MEMORY)",
	});
}

/** Undefined: the machine is to have no live states. */
async function livePossible({ live, store, spec }: StartRequest, { report }: Host): Promise<LiveSettings | undefined> {
	// A store in memory would hold the guest's memory a second time, and QEMU would die when it is full.
	if (live === undefined || (await liesInMemory(store.home))) return undefined;
	return await liveOf(store, report, spec, live.layer);
}

/** A machine exactly at a layer: resumed where it may and can be, else booted from its disk. */
export function startAt(
	layer: Layer,
	store: Store,
	options: Pick<BuildOptions, "memory" | "cpus" | "signal" | "emit" | "live">,
): Promise<Running> {
	const { memory, cpus, signal, emit } = options;
	return start({
		store,
		disk: layer.disk,
		virtualSize: layer.virtualSize,
		spec: { memory, cpus },
		purpose: "build",
		firstBoot: false,
		title: `boot from the layer "${layer.title}"`,
		signal,
		emit,
		...(takesLive(options) ? { live: { layer: layer.key } } : {}),
	});
}

/** Undefined when the state could not be used: then the machine boots from its disk, with the same result. */
async function resume(request: StartRequest, host: Host, live: LiveSettings): Promise<Running | undefined> {
	const { emit, store, live: wanted } = request;
	try {
		return await task(emit, request.title.replace(/^boot from/, "resume"), (handle) =>
			bring(request, host, handle, live),
		);
	} catch (error) {
		if (!(error instanceof NodebuildError) || error.code === "INTERRUPTED" || error.code === "HOST_DISK_FULL")
			throw error;
		emit({ type: "info", message: `the live state could not be used, the machine boots instead: ${error.message}` });
		if (wanted?.layer !== undefined) await store.live.drop(wanted.layer, live.fits);
		return undefined;
	}
}

async function bring(request: StartRequest, host: Host, handle: Task, live?: LiveSettings): Promise<Running> {
	const { startMachine } = await import("../machine/qemu/start.ts");
	const work = await request.store.workDir();
	const begin = performance.now();
	const layer = request.live?.layer;
	const unproven = host.report.accelerator === "kvm" && host.report.proven !== true && live?.state === undefined;
	const watch = watchKvm(host, work.path, request, !unproven);
	try {
		const machine = await startMachine({
			...(live === undefined ? {} : { live: await withRam(live, work, request) }),
			spec: request.spec,
			disk: { backing: request.disk, backingName: backingNameOfDisk(request.disk), virtualSize: request.virtualSize },
			folder: work.path,
			// Others have host names of their own.
			...(request.purpose === "build" ? { keep: join(request.store.home, "host") } : {}),
			qemu: host.qemu,
			accelerator: host.report.accelerator,
			purpose: request.purpose,
			firstBoot: request.firstBoot,
			signal: watch.signal,
			onNote: (note) => handle.log(note),
			onWarning: ({ description, detail, hint }) =>
				request.emit({ type: "warning", message: `expected that ${description}, got: ${detail}\n${hint}` }),
		});
		const bootMilliseconds = performance.now() - begin;
		if (unproven) await prove(host, request.store);
		const kind = live?.state === undefined ? "boot" : "resume";
		if (!request.firstBoot) await noteCost(request.store, host.report.accelerator, kind, bootMilliseconds);
		const noted = machine.gone.then(async () => {
			if (machine.failure?.code === "KVM_FAILED") await emulateFromNowOn(host, request.store, machine.failure.message);
		});
		const dispose = async (): Promise<void> => {
			await machine.kill();
			await noted;
			await work.release();
		};
		return {
			machine,
			work,
			bootMilliseconds,
			...(live?.state && layer ? { from: { layer, fits: live.fits } } : {}),
			tainted: false,
			mapped: live !== undefined,
			accelerator: host.report.accelerator,
			[Symbol.asyncDispose]: dispose,
		};
	} catch (error) {
		await work.release();
		throw watch.explain(error);
	} finally {
		watch.stop();
	}
}

async function prove({ qemu, report }: Host, store: Store): Promise<void> {
	const { remember } = await import("../machine/qemu/accelerator.ts");
	const { accelerator: choice } = readEnvironment();
	await remember(join(store.home, "host"), { qemu, choice }, { ...report, proven: true });
}
