/**
 * The one error type. Whatever a user can cause, or the world around the
 * program can, is a NodebuildError with a stable code; anything else that is
 * thrown is a defect of nodebuild.
 */

/** Exit status of each error code; the table in docs/cli.md is checked against this one. */
export const EXIT_STATUS = {
	INTERNAL: 1,
	USAGE: 2,
	NODEFILE_NOT_FOUND: 3,
	NODEFILE_SYNTAX: 3,
	NODEFILE_INVALID: 3,
	UNSUPPORTED: 3,
	CONTEXT_INVALID: 3,
	COPY_SOURCE_MISSING: 3,
	LINT_FAILED: 3,
	SUITE_INVALID: 3,
	BASE_UNKNOWN: 4,
	BASE_MAP_INVALID: 4,
	BASE_UNAVAILABLE: 4,
	BASE_CHECKSUM: 4,
	BASE_SIGNATURE: 4,
	BASE_BOOTSTRAP: 4,
	SOURCE_UNAVAILABLE: 4,
	SOURCE_CHECKSUM: 4,
	STEP_FAILED: 5,
	COPY_FAILED: 5,
	MACHINE_START: 6,
	MACHINE_NOT_READY: 6,
	MACHINE_LOST: 6,
	KVM_FAILED: 6,
	QEMU_CRASHED: 6,
	GUEST_DISK_FULL: 5,
	HOST_TOOL_MISSING: 7,
	HOST_DISK_FULL: 7,
	HOST_MEMORY: 7,
	STORE_INVALID: 7,
	OUTPUT_FAILED: 7,
	IMAGE_NOT_FOUND: 8,
	IMAGE_IN_USE: 8,
	SEAL_FAILED: 9,
	VERIFY_FAILED: 9,
	INTERRUPTED: 130,
} as const;

export type ErrorCode = keyof typeof EXIT_STATUS;

/** A place in a text, for people: 1-based line and column, both inclusive of their start. */
export interface SourceLocation {
	/** Path as the user wrote it, e.g. "Nodefile.worker". */
	readonly file: string;
	/** 1-based. */
	readonly line: number;
	/** 1-based, in UTF-16 code units. */
	readonly column: number;
	/** The source line itself, without its line break. */
	readonly text: string;
	/** Length of the part to underline, in UTF-16 code units; 1 when unknown. */
	readonly length?: number;
}

export interface NodebuildErrorInit {
	readonly code: ErrorCode;
	/** What failed, one sentence: expected, then got. */
	readonly message: string;
	/** What to do next, one or a few lines. */
	readonly hint?: string;
	readonly at?: SourceLocation;
	/** The words at fault, as they may stand at the place, for where the place is not known yet. */
	readonly part?: string;
	/** Further lines shown under the message: last output, console tail, both digests. */
	readonly details?: readonly string[];
	readonly cause?: unknown;
}

export class NodebuildError extends Error {
	override readonly name = "NodebuildError";
	readonly code: ErrorCode;
	readonly hint: string | undefined;
	readonly at: SourceLocation | undefined;
	readonly part: string | undefined;
	readonly details: readonly string[];

	constructor(init: NodebuildErrorInit) {
		super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
		this.code = init.code;
		this.hint = init.hint;
		this.at = init.at;
		this.part = init.part;
		this.details = init.details ?? [];
	}

	get exitStatus(): number {
		return EXIT_STATUS[this.code];
	}

	/** The same error, said to have happened at a place, or at the words at fault there, unless it knows a place already. */
	located(at: SourceLocation): NodebuildError {
		return this.at === undefined ? this.#with({ at: partOf(at, this.part) }) : this;
	}

	/** The same error, said to be about some words, unless it knows words or a place already. */
	about(part: string): NodebuildError {
		return this.at === undefined && this.part === undefined ? this.#with({ part }) : this;
	}

	/** The same error, with one more line of what to do. */
	hinted(line: string): NodebuildError {
		return this.#with({
			hint: this.hint === undefined ? line : `${this.hint}\n${line}`,
			...(this.at === undefined ? {} : { at: this.at }),
		});
	}

	#with(more: Pick<NodebuildErrorInit, "at" | "part" | "hint">): NodebuildError {
		const { code, message, hint, part, details } = this;
		return new NodebuildError({
			code,
			message,
			...(hint === undefined ? {} : { hint }),
			...(part === undefined ? {} : { part }),
			details,
			cause: this.cause ?? this,
			...more,
		});
	}
}

/** The place of some words within a place, as words of their own rather than inside of another; else the place itself. */
export function partOf(at: SourceLocation, part: string | undefined): SourceLocation {
	if (part === undefined || part === "") return at;
	const start = at.column - 1;
	const within = at.text.slice(start, start + (at.length ?? at.text.length));
	const index = wordIndex(within, part);
	return index < 0 ? at : { ...at, column: at.column + index, length: part.length };
}

/** What may stand beside words: blanks, quotes, and what holds lists together. */
const BEFORE = /[\s"'=,[]$/;
const AFTER = /^[\s"'=,\]]/;

function wordIndex(text: string, part: string): number {
	for (let index = text.indexOf(part); index >= 0; index = text.indexOf(part, index + 1)) {
		const [before, after] = [text.slice(0, index), text.slice(index + part.length)];
		if ((before === "" || BEFORE.test(before)) && (after === "" || AFTER.test(after))) return index;
	}
	return text.indexOf(part);
}

/** Whatever was caught, as text for a person; never a stack trace. */
export function messageOf(error: unknown): string {
	if (error instanceof Error) return error.message;
	return String(error);
}
