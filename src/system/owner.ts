/**
 * Who a process is, in a form that outlives it: whatever a process leaves in a folder carries
 * its owner, so that the next one can tell a leftover from something in use.
 */
import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";

export interface Owner {
	readonly pid: number;
	/** Clock ticks from boot to the start of the process (proc(5), stat field 22); tells a reused pid apart. */
	readonly start: string;
	/** The first 8 digits of the kernel's boot id. */
	readonly boot: string;
	/** Inode of the pid namespace: a pid of another namespace cannot be looked up here. */
	readonly namespace: string;
}

/** After this an owner in another pid namespace of this boot is taken to be gone; milliseconds. */
const FOREIGN_PATIENCE = 24 * 60 * 60 * 1000;

/** Undefined when there is no such process, or only its zombie. */
function startOf(pid: number | "self"): string | undefined {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
		// The program's name stands in parentheses and may hold blanks and parentheses itself.
		const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
		const state = fields[0];
		return state === "Z" || state === "X" ? undefined : fields[19];
	} catch {
		return undefined;
	}
}

function bootId(): string {
	try {
		return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").slice(0, 8);
	} catch {
		return "noboot";
	}
}

function pidNamespace(): string {
	try {
		return readlinkSync("/proc/self/ns/pid").replace(/\D/g, "") || "0";
	} catch {
		return "0";
	}
}

let current: Owner | undefined;

/** This process. */
export function currentOwner(): Owner {
	current ??= { pid: process.pid, start: startOf("self") ?? "0", boot: bootId(), namespace: pidNamespace() };
	return current;
}

/** For hosts without /proc: the best that a signal can tell. */
function answersSignal(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return error instanceof Error && "code" in error && error.code === "EPERM";
	}
}

/**
 * Whether a process has ended, so that what it left may be removed.
 * @param age milliseconds since the owner last touched what it left; decides only for an owner that
 * lives in another pid namespace (a container sharing the store).
 */
export function ownerGone(owner: Owner, age = 0): boolean {
	const self = currentOwner();
	if (owner.boot !== self.boot) return true;
	if (owner.namespace !== self.namespace) return age > FOREIGN_PATIENCE;
	if (self.start === "0") return !answersSignal(owner.pid);
	return startOf(owner.pid) !== owner.start;
}

/** A fresh name that carries this process: `<pid>.<start>.<boot>.<namespace>-<random>`. */
export function ownedName(): string {
	const { pid, start, boot, namespace } = currentOwner();
	return `${pid}.${start}.${boot}.${namespace}-${randomBytes(4).toString("hex")}`;
}

const OWNED_NAME = /(\d+)\.(\d+)\.([0-9a-z]+)\.(\d+)-[0-9a-f]{8}/;

/** The owner whose `ownedName()` is a part of `name`; undefined when there is none. */
export function ownerOfName(name: string): Owner | undefined {
	const [, pid, start, boot, namespace] = OWNED_NAME.exec(name) ?? [];
	if (pid === undefined || start === undefined || boot === undefined || namespace === undefined) return undefined;
	return { pid: Number(pid), start, boot, namespace };
}
