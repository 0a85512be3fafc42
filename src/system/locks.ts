/**
 * Locks between processes, as files. A lock file appears with its content in one step (link(2)), names
 * its holder, and is taken over when the holder has died. The right to take over the dead holder's lock
 * with nonce N is itself a lock, `<path>~N`: so exactly one process replaces exactly the file that was
 * found dead, and a process that dies while doing so is handled by the same rule. Files are handled synchronously: see
 * `readText`.
 */
import { randomBytes } from "node:crypto";
import { linkSync, renameSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { NodebuildError } from "../errors.ts";
import { isErrno, makeFolder, namesIn, readText, whenFull } from "./files.ts";
import { currentOwner, type Owner, ownedName, ownerGone, ownerOfName } from "./owner.ts";

export interface Lock extends AsyncDisposable {
	readonly path: string;
	/** May be called more than once. */
	release(): Promise<void>;
}

export interface AcquireOptions {
	/** Ends the wait with INTERRUPTED. */
	readonly signal?: AbortSignal;
	/** Called once, when the lock is found held and the wait begins. */
	readonly onWait?: (holder: { readonly pid: number; readonly path: string }) => void;
}

interface Holder {
	/** Undefined when the file is unreadable, as a power loss may leave it. */
	readonly owner?: Owner;
	readonly nonce: string;
	readonly gone: boolean;
}

/** Milliseconds between two looks at a held lock: first, and at most. */
const POLL_FIRST = 10;
const POLL_MOST = 200;

function parseOwner(text: string): (Owner & { readonly nonce: string }) | undefined {
	try {
		const value: unknown = JSON.parse(text);
		if (typeof value !== "object" || value === null) return undefined;
		const { pid, start, boot, namespace, nonce } = value as Record<string, unknown>;
		if (typeof pid !== "number" || typeof start !== "string" || typeof boot !== "string") return undefined;
		if (typeof namespace !== "string" || typeof nonce !== "string") return undefined;
		return { pid, start, boot, namespace, nonce };
	} catch {
		return undefined;
	}
}

/** Undefined when nobody holds the lock. */
function readHolder(path: string): Holder | undefined {
	const text = readText(path);
	if (text === undefined) return undefined;
	const owner = parseOwner(text);
	if (owner === undefined) return { nonce: "unreadable", gone: true };
	const touched = owner.namespace === currentOwner().namespace ? undefined : statSync(path, { throwIfNoEntry: false });
	return {
		owner,
		nonce: owner.nonce,
		gone: ownerGone(owner, touched === undefined ? 0 : Date.now() - touched.mtimeMs),
	};
}

function linked(from: string, to: string): boolean {
	try {
		linkSync(from, to);
		return true;
	} catch (error) {
		if (isErrno(error, "EEXIST")) return false;
		throw error;
	}
}

function remove(path: string): void {
	try {
		unlinkSync(path);
	} catch (error) {
		if (!isErrno(error, "ENOENT")) throw error;
	}
}

/** Replace a dead holder's lock file by ours, if it is still that one. */
async function takeOver(temp: string, path: string): Promise<boolean> {
	const holder = readHolder(path);
	if (holder === undefined) return linked(temp, path);
	if (!holder.gone) return false;
	const right = await tryAcquire(`${path}~${holder.nonce}`);
	if (right === undefined) return false;
	try {
		const again = readHolder(path);
		if (again === undefined) return linked(temp, path);
		if (again.nonce !== holder.nonce || !again.gone) return false;
		renameSync(temp, path);
		return true;
	} finally {
		await right.release();
	}
}

async function writeTemp(temp: string, nonce: string): Promise<void> {
	const content = `${JSON.stringify({ ...currentOwner(), nonce })}\n`;
	try {
		writeFileSync(temp, content, { flag: "wx", mode: 0o600 });
	} catch (error) {
		if (!isErrno(error, "ENOENT")) throw error;
		await makeFolder(dirname(temp), 0o700);
		writeFileSync(temp, content, { flag: "wx", mode: 0o600 });
	}
}

function held(path: string, nonce: string): Lock {
	let released: Promise<void> | undefined;
	const unlock = async (): Promise<void> => {
		// Only a person can have removed it; then another's lock may lie here now.
		if (readHolder(path)?.nonce === nonce) remove(path);
	};
	const release = (): Promise<void> => {
		released ??= unlock();
		return released;
	};
	return { path, release, [Symbol.asyncDispose]: release };
}

/** Take the lock if it is free or its holder has died; undefined when it is held. Never waits. */
export async function tryAcquire(path: string): Promise<Lock | undefined> {
	const nonce = randomBytes(6).toString("hex");
	const temp = `${path}@${ownedName()}`;
	try {
		await whenFull({ path, action: "lock the store" }, () => writeTemp(temp, nonce));
		return linked(temp, path) || (await takeOver(temp, path)) ? held(path, nonce) : undefined;
	} finally {
		remove(temp);
	}
}

function interrupted(path: string, cause: unknown): NodebuildError {
	return new NodebuildError({ code: "INTERRUPTED", message: `the wait for the lock ${path} was interrupted`, cause });
}

/**
 * Take the lock, waiting for as long as a living process holds it. Two acquirers in one process
 * exclude each other as two processes do; there is no reentrancy and no order among waiters.
 * @throws NodebuildError INTERRUPTED when the signal fires.
 */
export async function acquire(path: string, options: AcquireOptions = {}): Promise<Lock> {
	let told = false;
	for (let pause = POLL_FIRST; ; pause = Math.min(pause * 2, POLL_MOST)) {
		if (options.signal?.aborted === true) throw interrupted(path, options.signal.reason);
		const holder = readHolder(path);
		if (holder === undefined || holder.gone) {
			const lock = await tryAcquire(path);
			if (lock !== undefined) return lock;
		} else if (!told && holder.owner !== undefined) {
			told = true;
			options.onWait?.({ pid: holder.owner.pid, path });
		}
		await sleep(pause, undefined, options.signal === undefined ? {} : { signal: options.signal }).catch((error) => {
			throw interrupted(path, error);
		});
	}
}

/** Whether a living process holds the lock, now. Writes nothing. */
export async function isHeld(path: string): Promise<boolean> {
	return readHolder(path)?.gone === false;
}

/** Remove the locks of dead holders, and what they left while locking, from a folder of locks. */
export async function sweepLocks(folder: string): Promise<void> {
	for (const name of namesIn(folder)) {
		const path = join(folder, name);
		const temp = name.includes("@") ? ownerOfName(name) : undefined;
		if (temp !== undefined) {
			if (ownerGone(temp)) remove(path);
		} else if (readHolder(path)?.gone === true) {
			await (await tryAcquire(path))?.release();
		}
	}
}
