/**
 * A guest's memory from outside: which pages are the machine's own, and their bytes.
 *
 * The guest's RAM is a private mapping of a base file. A page that the guest wrote is anonymous memory
 * of the QEMU process from then on, which /proc/PID/pagemap tells (Documentation/admin-guide/mm/pagemap.rst);
 * all others are still the file's. So a memory overlay holds exactly what differs from the base file.
 */
import { closeSync, openSync, readFileSync, readlinkSync, readSync, statSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { NodebuildError } from "../../../errors.ts";

export const PAGE = 4096;
/** Bytes read or written at a time. */
const PIECE = 1024 * 1024;

/** A part of the RAM file as it is mapped into the process. */
interface Mapping {
	/** Address in the process. */
	readonly address: number;
	readonly length: number;
	/** Where in the file it begins. */
	readonly offset: number;
}

/** Pages that follow each other: index of the first in the RAM file, and how many. */
export interface Run {
	readonly page: number;
	readonly count: number;
}

function mappingsOf(pid: number, ramFile: string): Mapping[] {
	const mappings: Mapping[] = [];
	const name = nameOf(ramFile);
	for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
		if (!line.endsWith(name)) continue;
		const [, from = "", to = "", offset = ""] = /^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) /.exec(line) ?? [];
		const address = Number.parseInt(from, 16);
		mappings.push({ address, length: Number.parseInt(to, 16) - address, offset: Number.parseInt(offset, 16) });
	}
	if (mappings.length > 0) return mappings;
	throw new NodebuildError({ code: "MACHINE_LOST", message: `QEMU has not mapped its memory file ${ramFile}` });
}

/** Whether QEMU, which is just starting, has come so far. */
export function isMapped(pid: number, ramFile: string): boolean {
	try {
		return mappingsOf(pid, ramFile).reduce((sum, { length }) => sum + length, 0) >= statSync(ramFile).size;
	} catch {
		return false;
	}
}

/** What the kernel calls a file: by whatever path we know it, and also when it has no name any more. */
function nameOf(file: string): string {
	const fd = openSync(file, "r");
	try {
		return readlinkSync(`/proc/self/fd/${fd}`);
	} finally {
		closeSync(fd);
	}
}

/** Bit 63: present, bit 62: swapped, bit 61: page of a file; read as the entry's upper 32 bits. */
const PRESENT_OR_SWAPPED = 0xc0000000;
const FILE_PAGE = 0x20000000;

/** Runs of pages that the process wrote; the machine must be stopped. */
function ownRuns(pid: number, mapping: Mapping): Run[] {
	const pages = mapping.length / PAGE;
	const entries = Buffer.alloc(pages * 8);
	readAt(`/proc/${pid}/pagemap`, entries, (mapping.address / PAGE) * 8);
	const first = mapping.offset / PAGE;
	const runs: Run[] = [];
	let begin = -1;
	for (let page = 0; page <= pages; page++) {
		const bits = page < pages ? entries.readUInt32LE(page * 8 + 4) : 0;
		const own = (bits & PRESENT_OR_SWAPPED) !== 0 && (bits & FILE_PAGE) === 0;
		if (own && begin < 0) begin = page;
		if (own || begin < 0) continue;
		runs.push({ page: first + begin, count: page - begin });
		begin = -1;
	}
	return runs;
}

function readAt(file: string, buffer: Buffer, position: number): void {
	const fd = openSync(file, "r");
	try {
		readFully(fd, buffer, buffer.length, position);
	} finally {
		closeSync(fd);
	}
}

function readFully(fd: number, buffer: Buffer, length: number, position: number): void {
	for (let done = 0; done < length; ) {
		const read = readSync(fd, buffer, done, length - done, position + done);
		if (read === 0) throw new Error(`read ended after ${done} of ${length} bytes`);
		done += read;
	}
}

function writeFully(fd: number, buffer: Buffer, length: number, position: number): void {
	for (let done = 0; done < length; ) done += writeSync(fd, buffer, done, length - done, position + done);
}

export interface SavedPages {
	readonly runs: readonly Run[];
	/** Bytes written. */
	readonly size: number;
	/** Bytes of all pages that the process has written since it was started. */
	readonly own: number;
}

/** A memory overlay would take more than it may; nothing was written. */
export class OverlayTooLarge extends Error {
	readonly bytes: number;

	constructor(bytes: number, limit: number) {
		super(`the memory overlay has ${bytes} bytes, more than the ${limit} that it may have`);
		this.bytes = bytes;
	}
}

/** Whether the system lets us look into a process; a hardened one (Yama, a container) may not. */
export function mayReadMemory(pid: number): boolean {
	try {
		closeSync(openSync(`/proc/${pid}/mem`, "r+"));
		closeSync(openSync(`/proc/${pid}/pagemap`, "r"));
		return true;
	} catch {
		return false;
	}
}

export interface SaveOptions {
	/** Bytes that the pages may take. */
	readonly limit: number;
	/**
	 * A file with the memory as it was at an earlier freeze of this process: only pages that differ from it are saved. What
	 * the process had not written by then is the same in both.
	 */
	readonly against?: string;
}

/**
 * Write the machine's own pages, one run after the other, to a new file; the machine must be stopped.
 * @throws OverlayTooLarge
 */
export function savePages(pid: number, ramFile: string, deltaFile: string, options: SaveOptions): SavedPages {
	const { limit, against } = options;
	const parts = mappingsOf(pid, ramFile).map((mapping) => ({ mapping, runs: ownRuns(pid, mapping) }));
	const own = parts.reduce((sum, { runs }) => sum + bytesOf(runs), 0);
	if (against === undefined && own > limit) throw new OverlayTooLarge(own, limit);
	const memory = openSync(`/proc/${pid}/mem`, "r");
	const delta = openSync(deltaFile, "wx", 0o600);
	const before = against === undefined ? undefined : openSync(against, "r");
	// Most runs are a page or two: the file gets them many at a time.
	const buffer = Buffer.allocUnsafe(2 * PIECE);
	let filled = 0;
	let size = 0;
	const flush = (): void => {
		writeFully(delta, buffer, filled, size);
		size += filled;
		filled = 0;
	};
	try {
		const saved: Run[] = [];
		for (const { mapping, runs } of parts) {
			for (const piece of pieces(runs)) {
				const bytes = buffer.subarray(filled, filled + piece.count * PAGE);
				readFully(memory, bytes, bytes.length, mapping.address + piece.page * PAGE - mapping.offset);
				for (const { page, count } of before === undefined ? [piece] : changed(bytes, piece, before)) {
					const from = (page - piece.page) * PAGE;
					// Over what was left out before it.
					if (before !== undefined) bytes.copy(buffer, filled, from, from + count * PAGE);
					filled += count * PAGE;
					if (size + filled > limit) throw new OverlayTooLarge(size + filled, limit);
					join(saved, { page, count });
				}
				if (filled >= PIECE) flush();
			}
		}
		flush();
		return { runs: saved, size, own };
	} finally {
		closeSync(memory);
		closeSync(delta);
		if (before !== undefined) closeSync(before);
	}
}

function bytesOf(runs: readonly Run[]): number {
	return runs.reduce((sum, { count }) => sum + count * PAGE, 0);
}

/** Runs of at most a piece each. */
function* pieces(runs: readonly Run[]): Iterable<Run> {
	const most = PIECE / PAGE;
	for (const { page, count } of runs)
		for (let done = 0; done < count; done += most) yield { page: page + done, count: Math.min(most, count - done) };
}

/** The pages of a piece that are not what the file has in their place. */
function* changed(buffer: Buffer, piece: Run, file: number): Iterable<Run> {
	const before = Buffer.allocUnsafe(buffer.length);
	readFully(file, before, before.length, piece.page * PAGE);
	if (buffer.equals(before)) return;
	for (let index = 0; index < piece.count; index++) {
		const [from, to] = [index * PAGE, (index + 1) * PAGE];
		if (buffer.compare(before, from, to, from, to) !== 0) yield { page: piece.page + index, count: 1 };
	}
}

/** Add a run at the end, as part of the last one where it follows that. */
function join(runs: Run[], run: Run): void {
	const last = runs.at(-1);
	if (last === undefined || last.page + last.count !== run.page) runs.push(run);
	else runs[runs.length - 1] = { page: last.page, count: last.count + run.count };
}

/** Put saved pages into the memory of a machine that has not started to run. */
export function loadPages(pid: number, ramFile: string, deltaFile: string, runs: readonly Run[]): void {
	const mappings = mappingsOf(pid, ramFile);
	const memory = openSync(`/proc/${pid}/mem`, "r+");
	try {
		copyRuns(deltaFile, runs, (buffer, length, position) => {
			const mapping = mappings.find(
				({ offset, length: size }) => position >= offset && position + length <= offset + size,
			);
			if (mapping === undefined) throw new Error("a page lies outside the machine's memory");
			writeFully(memory, buffer, length, mapping.address + position - mapping.offset);
		});
	} finally {
		closeSync(memory);
	}
}

/** Put saved pages into a RAM file, beside other work. */
export async function patchFile(ramFile: string, deltaFile: string, runs: readonly Run[]): Promise<void> {
	await using ram = await open(ramFile, "r+");
	await using delta = await open(deltaFile, "r");
	const buffer = Buffer.allocUnsafe(PIECE);
	let read = 0;
	for (const { page, count } of pieces(runs)) {
		const length = count * PAGE;
		const { bytesRead } = await delta.read(buffer, 0, length, read);
		if (bytesRead !== length) throw new Error("the memory overlay is cut short");
		await ram.write(buffer, 0, length, page * PAGE);
		read += length;
	}
}

function copyRuns(
	deltaFile: string,
	runs: readonly Run[],
	write: (buffer: Buffer, length: number, position: number) => void,
): void {
	const buffer = Buffer.allocUnsafe(PIECE);
	const delta = openSync(deltaFile, "r");
	let left = runs.reduce((sum, { count }) => sum + count * PAGE, 0);
	let read = 0;
	let filled = 0;
	let used = 0;
	try {
		for (const { page, count } of runs) {
			for (let done = 0; done < count * PAGE; ) {
				if (used === filled) {
					filled = Math.min(PIECE, left);
					readFully(delta, buffer, filled, read);
					read += filled;
					left -= filled;
					used = 0;
				}
				const length = Math.min(filled - used, count * PAGE - done);
				write(buffer.subarray(used), length, page * PAGE + done);
				done += length;
				used += length;
			}
		}
	} finally {
		closeSync(delta);
	}
}
