/**
 * A client of the Network Block Device protocol, as far as QEMU's own server needs one: the fixed newstyle handshake,
 * structured replies and the metadata context base:allocation
 * (github.com/NetworkBlockDevice/nbd, doc/proto.md; the names are those of that text).
 */
import { connect, type Socket } from "node:net";
import { messageOf, NodebuildError } from "../../errors.ts";
import type { BlockDevice, Extent } from "../../layers/block-device.ts";

const OPTION_MAGIC = 0x49484156454f5054n;
const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
const SIMPLE_REPLY_MAGIC = 0x67446698;
const STRUCTURED_REPLY_MAGIC = 0x668e33ef;

const NBD_OPT = { go: 7, structuredReply: 8, setMetaContext: 10 } as const;
const NBD_REP = { ack: 1, info: 3, metaContext: 4 } as const;
const NBD_CMD = { read: 0, disconnect: 2, writeZeroes: 6, blockStatus: 7 } as const;
const NBD_REPLY = { done: 1, offsetData: 1, offsetHole: 2, blockStatus: 5, error: 0x8000 } as const;
const NBD_INFO_EXPORT = 0;
const NBD_STATE_ZERO = 2;
/** NBD_FLAG_C_FIXED_NEWSTYLE and NBD_FLAG_C_NO_ZEROES. */
const CLIENT_FLAGS = 3;
/** Bytes of one read; servers take 32 MiB. */
const READ_LIMIT = 4 * 2 ** 20;
/** Bytes of one request without data: 32 bits, on a block's boundary. */
const RANGE_LIMIT = 2 ** 31;

/** Bytes of a stream, in the portions that are asked for. */
class Reader {
	readonly #socket: Socket;
	#chunks: Buffer[] = [];
	#length = 0;
	#wake: (() => void) | undefined;
	#ended: Error | undefined;

	constructor(socket: Socket) {
		this.#socket = socket;
		socket.on("data", (chunk: Buffer) => {
			this.#chunks.push(chunk);
			this.#length += chunk.length;
			this.#wake?.();
		});
		const end = (error?: Error): void => {
			this.#ended ??= error ?? new Error("the connection ended");
			this.#wake?.();
		};
		socket.on("error", end);
		socket.on("close", () => end());
	}

	async take(length: number): Promise<Buffer> {
		while (this.#length < length) {
			if (this.#ended !== undefined) throw this.#ended;
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}
		const all = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
		const whole = all ?? Buffer.alloc(0);
		this.#chunks = [whole.subarray(length)];
		this.#length -= length;
		return whole.subarray(0, length);
	}

	write(...parts: readonly Buffer[]): void {
		this.#socket.write(Buffer.concat(parts));
	}

	end(): void {
		this.#socket.end();
	}
}

function uint(size: 2 | 4 | 8, value: number | bigint): Buffer {
	const buffer = Buffer.alloc(size);
	if (size === 8) buffer.writeBigUInt64BE(BigInt(value));
	else buffer.writeUIntBE(Number(value), 0, size);
	return buffer;
}

const text = (value: string): Buffer => Buffer.concat([uint(4, value.length), Buffer.from(value, "latin1")]);

async function option(reader: Reader, kind: number, data: Buffer): Promise<ReadonlyMap<number, Buffer>> {
	reader.write(uint(8, OPTION_MAGIC), uint(4, kind), uint(4, data.length), data);
	const replies = new Map<number, Buffer>();
	while (!replies.has(NBD_REP.ack)) {
		const head = await reader.take(20);
		const type = head.readUInt32BE(12);
		if (head.readBigUInt64BE(0) !== OPTION_REPLY_MAGIC || type >= 2 ** 31)
			throw new Error(`option ${kind} was refused`);
		const reply = Buffer.from(await reader.take(head.readUInt32BE(16)));
		// Of several answers to NBD_OPT_GO the one that describes the export counts.
		if (type !== NBD_REP.info || reply.readUInt16BE(0) === NBD_INFO_EXPORT) replies.set(type, reply);
	}
	return replies;
}

/** Resolves with the export's size. */
async function negotiate(reader: Reader, name: string): Promise<number> {
	await reader.take(18);
	reader.write(uint(4, CLIENT_FLAGS));
	await option(reader, NBD_OPT.structuredReply, Buffer.alloc(0));
	const context = Buffer.concat([text(name), uint(4, 1), text("base:allocation")]);
	const contexts = await option(reader, NBD_OPT.setMetaContext, context);
	if (!contexts.has(NBD_REP.metaContext)) throw new Error("no base:allocation");
	const replies = await option(reader, NBD_OPT.go, Buffer.concat([text(name), uint(2, 0)]));
	const info = replies.get(NBD_REP.info);
	if (info === undefined) throw new Error("the export is not described");
	return Number(info.readBigUInt64BE(2));
}

class NbdDevice implements BlockDevice {
	readonly #reader: Reader;
	readonly size: number;
	#cookie = 0n;

	constructor(reader: Reader, size: number) {
		this.#reader = reader;
		this.size = size;
	}

	/** One request at a time; `take` is given each chunk of the answer. */
	async #request(
		command: number,
		{ offset, length }: Extent,
		take?: (type: number, data: Buffer) => void,
	): Promise<void> {
		this.#cookie += 1n;
		this.#reader.write(
			uint(4, REQUEST_MAGIC),
			uint(2, 0),
			uint(2, command),
			uint(8, this.#cookie),
			uint(8, offset),
			uint(4, length),
		);
		for (let last = false; !last; ) {
			const magic = (await this.#reader.take(4)).readUInt32BE(0);
			if (magic === SIMPLE_REPLY_MAGIC) {
				const error = (await this.#reader.take(12)).readUInt32BE(0);
				if (error !== 0) throw new Error(`request ${command} failed: error ${error}`);
				return;
			}
			if (magic !== STRUCTURED_REPLY_MAGIC) throw new Error("an answer of an unknown kind");
			const head = Buffer.from(await this.#reader.take(16));
			last = (head.readUInt16BE(0) & NBD_REPLY.done) !== 0;
			const type = head.readUInt16BE(2);
			const data = await this.#reader.take(head.readUInt32BE(12));
			if ((type & NBD_REPLY.error) !== 0) throw new Error(`request ${command} failed: error ${data.readUInt32BE(0)}`);
			take?.(type, data);
		}
	}

	async read(offset: number, length: number): Promise<Buffer> {
		const buffer = Buffer.alloc(length);
		for (const part of parts({ offset, length }, READ_LIMIT)) {
			await this.#request(NBD_CMD.read, part, (type, data) => {
				// The other kind of chunk is a hole, which the buffer has already.
				if (type === NBD_REPLY.offsetData) data.copy(buffer, Number(data.readBigUInt64BE(0)) - offset, 8);
			});
		}
		return buffer;
	}

	async written(range: Extent): Promise<readonly Extent[]> {
		const found: Extent[] = [];
		const end = range.offset + range.length;
		for (let at = range.offset; at < end; ) {
			const before = at;
			await this.#request(
				NBD_CMD.blockStatus,
				{ offset: at, length: Math.min(RANGE_LIMIT, end - at) },
				(type, data) => {
					if (type !== NBD_REPLY.blockStatus) return;
					for (let row = 4; row < data.length; row += 8) {
						const length = Math.min(data.readUInt32BE(row), end - at);
						if ((data.readUInt32BE(row + 4) & NBD_STATE_ZERO) === 0) found.push({ offset: at, length });
						at += length;
					}
				},
			);
			if (at === before) throw new Error("no state of a range was told");
		}
		return found;
	}

	async clear(range: Extent): Promise<void> {
		for (const part of parts(range, RANGE_LIMIT)) await this.#request(NBD_CMD.writeZeroes, part);
	}

	close(): void {
		this.#reader.write(
			uint(4, REQUEST_MAGIC),
			uint(2, 0),
			uint(2, NBD_CMD.disconnect),
			uint(8, 0),
			uint(8, 0),
			uint(4, 0),
		);
		this.#reader.end();
	}
}

function* parts({ offset, length }: Extent, limit: number): Iterable<Extent> {
	for (let done = 0; done < length; done += limit)
		yield { offset: offset + done, length: Math.min(limit, length - done) };
}

/**
 * Use the export `name` of the server at a unix socket.
 * @throws NodebuildError MACHINE_LOST when the server does not do what is asked; whatever `use` throws.
 */
export async function withNbdDevice<T>(
	path: string,
	name: string,
	use: (device: BlockDevice) => Promise<T>,
): Promise<T> {
	const socket = connect(path);
	const reader = new Reader(socket);
	try {
		const device = new NbdDevice(reader, await negotiate(reader, name));
		const result = await use(device);
		device.close();
		return result;
	} catch (error) {
		if (error instanceof NodebuildError) throw error;
		throw new NodebuildError({
			code: "MACHINE_LOST",
			message: `the machine's disk could not be used through QEMU: ${messageOf(error)}`,
			cause: error,
		});
	} finally {
		socket.destroySoon();
	}
}
