/** A disk as a row of bytes, whoever serves it. */

export interface Extent {
	/** Bytes. */
	readonly offset: number;
	readonly length: number;
}

export interface BlockDevice {
	/** Bytes. */
	readonly size: number;
	read(offset: number, length: number): Promise<Buffer>;
	/** What of a range may hold something else than zeros, in order. */
	written(range: Extent): Promise<readonly Extent[]>;
	/** Make a range zeros. */
	clear(range: Extent): Promise<void>;
}
