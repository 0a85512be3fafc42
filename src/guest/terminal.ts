/** Our terminal joined to a command in the guest. */
import { typedInput } from "../system/stdin.ts";
import type { SshConnection } from "./ssh.ts";

/** Resolves with the command's exit status once it has ended. */
export async function attachTerminal(connection: SshConnection, command: string, term: string): Promise<number> {
	const { stdout } = process;
	const stdin = typedInput();
	const size = (): { rows: number; cols: number } => ({ rows: stdout.rows ?? 24, cols: stdout.columns ?? 80 });
	const { channel, ended } = await connection.terminal(command, { ...size(), term });
	const resize = (): void => {
		const { rows, cols } = size();
		channel.setWindow(rows, cols, 0, 0);
	};
	const raw = stdin.isTTY === true;
	if (raw) stdin.setRawMode(true);
	stdout.on("resize", resize);
	try {
		channel.on("data", (data: Buffer) => stdout.write(data));
		stdin.pipe(channel);
		return await ended;
	} finally {
		stdout.off("resize", resize);
		stdin.unpipe(channel);
		if (raw) stdin.setRawMode(false);
		stdin.pause();
		if (stdin !== process.stdin) stdin.destroy();
	}
}
