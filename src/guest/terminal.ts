/** Our terminal joined to a command in the guest. */
import { interrupted as interruption } from "./connection.ts";
import type { SshConnection } from "./ssh.ts";

export interface TerminalOptions {
	/** A terminal. */
	readonly stdin: NodeJS.ReadStream;
	/** What kind of terminal it is, for the command's TERM. */
	readonly term: string;
	readonly signal?: AbortSignal;
}

/**
 * Resolves with the command's exit status once it has ended.
 * @throws NodebuildError INTERRUPTED when the signal fires: the command's terminal is taken away.
 */
export async function attachTerminal(
	connection: SshConnection,
	command: string,
	{ stdin, term, signal }: TerminalOptions,
): Promise<number> {
	const { stdout } = process;
	const size = (): { rows: number; cols: number } => ({ rows: stdout.rows ?? 24, cols: stdout.columns ?? 80 });
	const { channel, ended } = await connection.terminal(command, { ...size(), term });
	const resize = (): void => {
		const { rows, cols } = size();
		channel.setWindow(rows, cols, 0, 0);
	};
	stdin.setRawMode(true);
	stdout.on("resize", resize);
	let stop = (): void => undefined;
	const interrupted = new Promise<never>((_, reject) => {
		stop = () => reject(interruption());
	});
	if (signal?.aborted === true) stop();
	signal?.addEventListener("abort", stop);
	try {
		channel.on("data", (data: Buffer) => stdout.write(data));
		stdin.pipe(channel);
		return await Promise.race([ended, interrupted]);
	} finally {
		signal?.removeEventListener("abort", stop);
		channel.close();
		stdout.off("resize", resize);
		stdin.unpipe(channel);
		stdin.setRawMode(false);
		stdin.pause();
		if (stdin !== process.stdin) stdin.destroy();
	}
}
