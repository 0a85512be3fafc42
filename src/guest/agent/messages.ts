/** What is said to the program in a guest; see program.ts. */
import { randomBytes } from "node:crypto";
import type { ChannelOptions, DirectCommand } from "../connection.ts";

const RANDOM = 64;

/** What a command is: a line for a shell, a program, or one of the program's own works. */
export function execMessage(command: string, { direct, stdin }: Pick<ChannelOptions, "direct" | "stdin">): Buffer {
	const input = stdin === undefined ? "0" : "1";
	return Buffer.from(direct === undefined ? `L${input}${command}` : `D${input}${wordsOf(direct, command)}`);
}

/** Undefined: the command is none of them. */
export function builtinMessage({ direct }: Pick<ChannelOptions, "direct">): Buffer | undefined {
	if (direct?.builtin === undefined) return undefined;
	const { name, request = "" } = direct.builtin;
	return Buffer.from(`B${name}\0${request}`);
}

/** The time in seconds since the epoch (0: the guest knows it), a new key, and random bytes. */
export function wakeMessage(seconds: number, key: Buffer): Buffer {
	const time = Buffer.alloc(8);
	time.writeDoubleBE(seconds);
	return Buffer.concat([time, key, randomBytes(RANDOM)]);
}

/** Directory, number of arguments, arguments, variables and the line, with a NUL between: none of them can hold one. */
function wordsOf({ cwd, argv, env }: DirectCommand, line: string): string {
	return [cwd, argv.length, ...argv, ...env.map(([name, text]) => `${name}=${text}`), line].join("\0");
}
