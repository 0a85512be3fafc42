/** The command line that our sshd runs for one command. Pure. */
import type { Env } from "../plan/types.ts";
import type { Place } from "./types.ts";
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
	/** Default "machine". */
	readonly place?: Place;
	/** What comes over standard input is secretScript(); the command's own is /dev/null. */
	readonly secrets?: boolean;
}

/**
 * Enter the namespaces of the place (our sshd has its own), then become exactly what was asked
 * for. Every stage replaces the one before it (exec), so the guest's process table shows the
 * command as a child of sshd and nothing of ours.
 */
export function commandLine(command: GuestCommand): string {
	const network =
		command.network === "none" ? ["unshare", "--net", "/bin/sh", "-c", 'ip link set lo up; exec "$@"', "sh"] : [];
	const place = command.place ?? "machine";
	const words = [
		...["exec", ...entrance(place), ...network],
		...(startsThere(command) ? [] : ["/bin/sh", "-c", GO_THERE, "sh", command.cwd, ownerOf(command.user)]),
		...identity(command.user),
		...["env", "-i", ...command.env.map(([name, text]) => `${name}=${text}`)],
		...(command.secrets === true ? takingSecrets(command.env) : []),
		...program(command.argv),
	];
	const first = place === "access" ? `cd ${quote(command.cwd)} || exit 125; umask 022; ` : "umask 022; ";
	return `${first}${words.map(quote).join(" ")}${command.stdin || command.secrets === true ? "" : " </dev/null"}`;
}

/** A directory that an earlier command removed is made anew, the user's own, as BuildKit's executor does (runcexecutor). */
const GO_THERE = `cd "$1" 2>/dev/null || { mkdir -p -- "$1" && { chown "$2" "$1" 2>/dev/null || :; } && cd "$1"; } ||
{ echo "the working directory $1 cannot be entered" >&2; exit 125; }
shift 2; exec "$@"`;

function ownerOf(user: ResolvedUser | undefined): string {
	return user === undefined ? "0:0" : `${user.uid}:${user.gid}`;
}

/** Our sshd's shell goes there itself; who enters a mount namespace is in its root directory (setns(2)). */
function startsThere({ place, cwd }: GuestCommand): boolean {
	return place === "access" || cwd === "/";
}

function entrance(place: Place): string[] {
	if (place === "access") return [];
	return ["nsenter", "-t", "1", place === "machine" ? "-m" : `--mount=${place.mounts}`, "-n"];
}

/** What shells put into the environment by themselves. */
const SHELLS_OWN = ["PWD", "OLDPWD", "SHLVL", "_"];

/** A shell that reads variables from standard input, and runs the rest of the line with them. */
function takingSecrets(env: Env): string[] {
	const own = SHELLS_OWN.filter((name) => !env.some(([given]) => given === name));
	return [
		"/bin/sh",
		"-c",
		'eval "$(cat)"; exec env "$@" </dev/null',
		"sh",
		...own.flatMap((name) => ["-u", name]),
		"--",
	];
}

/** The script that gives a command its secret variables; byte for byte, whatever their encoding. */
export function secretScript(secrets: readonly (readonly [name: string, value: Uint8Array])[]): Buffer {
	const lines = secrets.map(([name, value]) => {
		const text = Buffer.from(value).toString("latin1").replaceAll("'", `'\\''`);
		return `${name}='${text}'; export ${name}\n`;
	});
	return Buffer.from(lines.join(""), "latin1");
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
