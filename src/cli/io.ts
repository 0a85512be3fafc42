/** What the command line has of the world; tests bring their own. */

/** A text stream towards a person or a program: process.stdout, process.stderr. */
export interface TextOutput {
	write(text: string): unknown;
	readonly isTTY?: boolean;
	/** Width and height of the terminal in characters; may change while we run. */
	readonly columns?: number;
	readonly rows?: number;
}

export interface Io {
	/** Results: what a script would read. */
	readonly stdout: TextOutput;
	/** Progress and errors. */
	readonly stderr: TextOutput;
	readonly env: Readonly<Record<string, string | undefined>>;
	/** Absolute. */
	readonly cwd: string;
	/** Fires at Ctrl-C, SIGTERM and SIGHUP. */
	readonly signal: AbortSignal;
	/** Milliseconds since the epoch. */
	now(): number;
}

/** Colour only where a person looks and did not ask for none (https://no-color.org). */
export function wantsColor(output: TextOutput, env: Io["env"]): boolean {
	if (output.isTTY !== true) return false;
	if (env.NO_COLOR !== undefined && env.NO_COLOR !== "") return false;
	return env.TERM !== "dumb";
}
