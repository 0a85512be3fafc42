/** Machines and what starts them. */
import type { Digest } from "../digest.ts";
import type { NodebuildError } from "../errors.ts";
import type { Guest, SshAddress } from "../guest/types.ts";
import type { BlockDevice } from "../layers/block-device.ts";

export interface MachineSpec {
	/** MiB. */
	readonly memory: number;
	readonly cpus: number;
	/** Host ports forwarded on 127.0.0.1 to guest ports; host 0: the kernel chooses. */
	readonly forwards?: readonly { readonly host: number; readonly guest: number; readonly protocol: "tcp" | "udp" }[];
	/** Text for the guest's cloud-init beside what the machine needs itself. */
	readonly hostname?: string;
	/** Path of a unix socket that is to be the serial console. */
	readonly consoleSocket?: string;
	/** A channel for the guest agent, as platforms give machines one: its service runs only where there is one. */
	readonly agentChannel?: boolean;
}

/** The disk a machine starts from; it writes to an overlay of its own. */
export interface MachineDisk {
	/** qcow2 file that is the backing of the first overlay. */
	readonly backing: string;
	/** How the overlay names its backing file: relative to the overlay's folder. */
	readonly backingName: string;
	/** Default qcow2. */
	readonly format?: "qcow2" | "raw";
	/** Bytes; the overlay is at least that large. */
	readonly virtualSize: number;
}

/** A disk frozen while the machine runs on: `file` will never be written again. */
export interface FrozenDisk {
	readonly file: string;
	/** Milliseconds the guest stood still. */
	readonly stopped: number;
	/** The live state, when it was asked for; it may fail where the disk does not. */
	readonly live?: FrozenLive | LiveFailure;
}

export interface FrozenLive {
	readonly ok: true;
	/** Where it lies. */
	readonly folder: string;
	/** What machine it is for. */
	readonly fits: Digest;
	/** Bytes of the memory overlay. */
	readonly size: number;
	/** Bytes that the machine has written since its process was started: each freeze looks at them. */
	readonly own: number;
	/** Milliseconds that the guest stood still for it. */
	readonly milliseconds: number;
	/**
	 * Make it whole, while the machine runs on: before that, nobody may find it. With `flat` its memory overlay is about to
	 * become part of a RAM file, and is not to be found as it is.
	 */
	finish(flat?: boolean): Promise<void>;
}

export interface LiveFailure {
	readonly ok: false;
	readonly reason: string;
	/** Bytes of the memory overlay, where that was too large. */
	readonly size?: number;
}

/** What is asked of a live state. */
export interface LiveRequest {
	/** A folder to be made. */
	readonly folder: string;
	/** Bytes that the memory overlay may have. */
	readonly limit: number;
}

/** A disk image of this host. */
export interface DiskFile {
	/** Absolute path. */
	readonly file: string;
	readonly format: "qcow2" | "raw";
	readonly readOnly: boolean;
}

/** A disk that is plugged into the running machine. */
export interface AttachedDisk {
	/** Path of the block device in the guest. */
	readonly device: string;
	/** Unplug; the guest has unmounted it. */
	detach(): Promise<void>;
}

export interface Capabilities {
	readonly freeze: boolean;
	readonly liveState: boolean;
	readonly attach: boolean;
}

export interface Machine {
	readonly guest: Guest;
	/** For programs of this host that log in by themselves; a key of theirs has to be let in first. */
	readonly address: SshAddress;
	/** Host ports by guest port, "80/tcp" -> 40123. */
	readonly ports: ReadonlyMap<string, number>;
	/**
	 * Everything that the guest holds in its caches to its disk. A guest that is about to reboot, or has
	 * done so during a step, is waited for.
	 */
	settle(signal?: AbortSignal): Promise<void>;
	/** Why the machine stopped by itself (the host's disk is full, a step powered it off), when it did. */
	readonly failure: NodebuildError | undefined;
	/** Its kernel or QEMU crashed: what it was resumed from may be why. */
	readonly unsound: boolean;
	/** Whether `freeze` can take the live state too. */
	readonly canFreezeLive: boolean;
	/** Before its first live state is taken: what makes a machine that goes on from there answer at once. */
	prepareLive(): Promise<void>;
	/** Plug a disk in. Whoever did so detaches it before the machine is frozen. */
	attach(disk: DiskFile): Promise<AttachedDisk>;
	/** Freeze the disk as it is (the guest has been synced) and go on in a new overlay over `nextBackingName`. */
	freeze(nextBackingName: string, live?: LiveRequest): Promise<FrozenDisk>;
	/**
	 * States that are taken from now on stand on another RAM file: `file`, a name of its own for as long as the machine runs,
	 * holds the memory as it was at an earlier freeze.
	 */
	standOn(ram: { readonly name: string; readonly file: string }): void;
	/** The live state with a copy of the overlay that belongs to it; the machine goes on as it was. */
	freezeLive(request: LiveRequest): Promise<FrozenLive | LiveFailure>;
	/** The disk from outside. The guest writes nothing more, and may only be ended afterwards. */
	useDisk<T>(use: (disk: BlockDevice) => Promise<T>): Promise<T>;
	/** Wait for the guest to power itself off after an orderly request; then the process is gone. */
	powerOff(): Promise<void>;
	/**
	 * End QEMU in an orderly way without asking the guest; what it wrote is in the overlay's file.
	 * @throws NodebuildError `failure`, when the machine had stopped by itself.
	 */
	quit(): Promise<void>;
	/** End the machine now, whatever it does. The overlay's data so far is in its file. */
	kill(): Promise<void>;
	/** The last lines of the guest's console. */
	consoleTail(lines: number): Promise<readonly string[]>;
	/** Resolves when the machine has ended, for whatever reason. */
	readonly gone: Promise<void>;
	/** Unix socket of the serial console, where one was asked for. */
	readonly consoleSocket: string | undefined;
	/** The overlay that the machine writes to now. */
	readonly activeDisk: string;
}
