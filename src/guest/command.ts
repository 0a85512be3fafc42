/** The command line that our sshd runs for one command. Pure. */
import type { Env } from "../plan/types.ts";
import type { ResolvedUser } from "./users.ts";

export function quote(word: string): string {
	return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

export interface GuestCommand {
	readonly argv: readonly string[];
	readonly env: Env;
	readonly cwd: string;
	/** Undefined: root as it is. */
	readonly user?: ResolvedUser;
	readonly network: "default" | "none" | "host";
	/** False: /dev/null. */
	readonly stdin: boolean;
}

/**
 * Enter the namespaces of process 1 (our sshd has its own), then become exactly what was asked
 * for. Every stage replaces the one before it (exec), so the guest's process table shows the
 * command as a child of sshd and nothing of ours.
 */
export function commandLine(command: GuestCommand): string {
	const network =
		command.network === "none" ? ["unshare", "--net", "/bin/sh", "-c", 'ip link set lo up; exec "$@"', "sh"] : [];
	const words = [
		...["exec", "nsenter", "-t", "1", "-m", "-n", ...network],
		...["/bin/sh", "-c", 'cd "$1" || exit 125; umask 022; shift; exec "$@"', "sh", command.cwd],
		...identity(command.user),
		...["env", "-i", ...command.env.map(([name, text]) => `${name}=${text}`)],
		...program(command.argv),
	];
	return `${words.map(quote).join(" ")}${command.stdin ? "" : " </dev/null"}`;
}

/** env(1) takes a first word with "=" for one more variable; nice(1) changes nothing and runs it. */
function program(argv: readonly string[]): readonly string[] {
	return argv[0]?.includes("=") === true ? ["nice", "-n", "0", ...argv] : argv;
}

function identity(user: ResolvedUser | undefined): string[] {
	if (user === undefined) return [];
	const groups = user.groups.length === 0 ? ["--clear-groups"] : ["--groups", user.groups.join(",")];
	return ["setpriv", "--reuid", String(user.uid), "--regid", String(user.gid), ...groups, "--"];
}
