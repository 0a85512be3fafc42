/** What is wrong with an instruction, before it is known where the instruction stands. */

export interface FaultInit {
	/** BuildKit's wording where BuildKit refuses the same. */
	readonly message: string;
	/** Default: how the instruction is written. */
	readonly hint?: string;
	/** The words of the instruction that are to be underlined; default: all of it. */
	readonly part?: string;
	/** UNSUPPORTED for what BuildKit can do and a machine cannot; default NODEFILE_INVALID. */
	readonly code?: "NODEFILE_INVALID" | "UNSUPPORTED";
	readonly cause?: unknown;
}

/** Thrown by the files of the instructions; the dispatcher (index.ts) turns it into a located NodebuildError. */
export class Fault extends Error {
	readonly hint: string | undefined;
	readonly part: string | undefined;
	readonly code: "NODEFILE_INVALID" | "UNSUPPORTED";

	constructor(init: FaultInit) {
		super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
		this.hint = init.hint;
		this.part = init.part;
		this.code = init.code ?? "NODEFILE_INVALID";
	}
}

export function atLeastOneArgument(keyword: string): Fault {
	return new Fault({ message: `${keyword} requires at least one argument` });
}

export function exactlyOneArgument(keyword: string): Fault {
	return new Fault({ message: `${keyword} requires exactly one argument` });
}

export function blankName(keyword: string): Fault {
	return new Fault({ message: `${keyword} names can not be blank` });
}
