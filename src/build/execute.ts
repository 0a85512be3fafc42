/** One step's effects in a guest. */
import type { ResolvedCopy } from "../context/index.ts";
import { NodebuildError } from "../errors.ts";
import type { Stream } from "../events.ts";
import { readAccounts } from "../guest/accounts.ts";
import { quote } from "../guest/command.ts";
import { resolveOwnerIds } from "../guest/users.ts";
import { copyFromDisk } from "./copy-from.ts";
import type { ExecResult, Guest } from "../guest/types.ts";
import type { CopyOrigin, CopyRequest, Effect, PlannedMount, Step } from "../plan/types.ts";
import { copyIntoGuest } from "./copy.ts";
import { type Destination, machineDestination } from "./destination.ts";
import { type DiskOrigin, isDisk, type MountedSource, withSource } from "./mount-source.ts";
import type { DiskPort } from "./transport.ts";
import type { Inside } from "./run-mounts.ts";
import { Tail } from "./tail.ts";

type AnsibleEffect = Extract<Effect, { kind: "ansible" }>;

export interface ExecuteContext {
	readonly guest: Guest;
	/** Of a machine that runs here. */
	readonly disks?: DiskPort;
	/** Where files and directories go; default: the machine's own tree. */
	readonly destination?: Destination;
	readonly signal: AbortSignal;
	readonly onOutput: (stream: Stream, data: Uint8Array) => void;
	readonly onWarning: (message: string) => void;
	copyOf(request: CopyRequest): Promise<ResolvedCopy>;
	/** The disk of another stage, a base or an image, mounted beside the machine; disposed of after use. */
	openSource(origin: DiskOrigin): Promise<MountedSource>;
	/** Have this host's Ansible run roles; resolves with its exit status. */
	runRoles(effect: AnsibleEffect, onOutput: ExecuteContext["onOutput"]): Promise<number>;
	/** Run a command with its mounts; they are gone when this resolves. */
	withMounts<T>(mounts: readonly PlannedMount[], run: (inside: Partial<Inside>) => Promise<T>): Promise<T>;
}

type Exec = Extract<Effect, { kind: "exec" }>;

/** @throws NodebuildError STEP_FAILED, COPY_FAILED, GUEST_DISK_FULL, MACHINE_LOST; located at the step. */
export async function executeStep(step: Step, context: ExecuteContext): Promise<void> {
	try {
		for (const effect of step.effects) await executeEffect(effect, context);
	} catch (error) {
		throw error instanceof NodebuildError && error.code !== "INTERRUPTED" ? error.located(step.at) : error;
	}
}

async function executeEffect(effect: Effect, context: ExecuteContext): Promise<void> {
	switch (effect.kind) {
		case "exec":
			return executeCommand(effect, context);
		case "copy":
			for (const request of partsOf(effect.request)) await executeCopy(request, context);
			return;
		case "mkdir":
			return makeDirectory(effect, destinationOf(context));
		case "ansible":
			return executeRoles(effect, context);
	}
}

function destinationOf({ destination, guest, disks }: ExecuteContext): Destination {
	return destination ?? machineDestination(guest, disks);
}

/** Files of disks are copied apart from all others, in the order of the sources. */
function partsOf(request: CopyRequest): readonly CopyRequest[] {
	const parts: (CopyRequest & { origins: CopyOrigin[] })[] = [];
	for (const origin of request.origins) {
		const last = parts.at(-1);
		if (last?.origins.every((other) => !isDisk(other)) === true && !isDisk(origin)) last.origins.push(origin);
		else parts.push({ ...request, origins: [origin] });
	}
	return parts;
}

async function executeCopy(request: CopyRequest, context: ExecuteContext): Promise<void> {
	const { signal } = context;
	const destination = destinationOf(context);
	const [origin] = request.origins;
	if (origin === undefined || !isDisk(origin))
		return copyIntoGuest(destination, request, await context.copyOf(request), signal);
	await withSource(await context.openSource(origin), async (source) => {
		const onUnmatched = (pattern: string): void => context.onWarning(`nothing in ${source.what} matches ${pattern}`);
		await copyFromDisk({ request, paths: origin.paths, source, destination, signal, onUnmatched });
	});
}

/** Whether the reboot was the command's own last word cannot be told from here: RUN reboot -f ends like this too. */
const CUT_OFF =
	"the machine rebooted before the command had ended; it counts as done, and what it had not done yet is not done";

async function executeCommand(effect: Exec, context: ExecuteContext): Promise<void> {
	const { guest, signal } = context;
	const tail = new Tail();
	const output = (stream: Stream) => (data: Uint8Array) => {
		context.onOutput(stream, data);
		tail.note(data);
	};
	const run = (inside: Partial<Inside>): Promise<ExecResult> =>
		guest.exec({
			...inside,
			argv: effect.argv,
			env: effect.env,
			cwd: effect.cwd,
			user: effect.user,
			network: effect.network,
			signal,
			onStdout: output("stdout"),
			onStderr: output("stderr"),
		});
	const pipes = await makePipes(guest, effect.pipes);
	try {
		const { mounts } = effect;
		const result = mounts.length === 0 ? await run({}) : await context.withMounts(mounts, run);
		if (result.rebooted) context.onWarning(CUT_OFF);
		if (result.status !== 0) throw await commandFailed(effect, result.status, tail, guest);
	} finally {
		await pipes();
	}
}

async function executeRoles(effect: AnsibleEffect, context: ExecuteContext): Promise<void> {
	const tail = new Tail();
	const status = await context.runRoles(effect, (stream, data) => {
		context.onOutput(stream, data);
		tail.note(data);
	});
	if (status === 0) return;
	throw new NodebuildError({
		code: (await diskFull(context.guest)) ? "GUEST_DISK_FULL" : "STEP_FAILED",
		message: `the Ansible roles ${effect.roles.join(", ")} did not complete successfully: ansible-playbook ended with ${status}`,
		details: tail.lines,
		...hintOf(status, tail.text, false),
	});
}

/** BuildKit shows heredoc scripts with a shebang under /dev/pipes while their command runs. */
async function makePipes(guest: Guest, pipes: Exec["pipes"]): Promise<() => Promise<void>> {
	if (pipes.length === 0) return async () => undefined;
	await guest.script("mkdir -p -m 755 /dev/pipes");
	for (const { name, content } of pipes) {
		const path = `/dev/pipes/${name}`;
		await guest.capture({ argv: ["sh", "-c", `cat > ${quote(path)} && chmod 755 ${quote(path)}`], stdin: content });
	}
	return async () => {
		await guest.script("rm -rf /dev/pipes").catch(() => undefined);
	};
}

async function commandFailed(
	effect: Exec,
	status: number,
	{ text, lines: details }: Tail,
	guest: Guest,
): Promise<NodebuildError> {
	const full = /No space left on device/i.test(text) || (await diskFull(guest));
	return new NodebuildError({
		code: full ? "GUEST_DISK_FULL" : "STEP_FAILED",
		message: `process "${effect.argv.join(" ")}" did not complete successfully: exit code: ${status}${full ? "; the machine's disk is full" : ""}`,
		details,
		...hintOf(status, text, full),
	});
}

async function diskFull(guest: Guest): Promise<boolean> {
	const answer = await guest.script("df -Pk / | awk 'NR==2 { print $4 }'").catch(() => "");
	const free = Number.parseInt(answer, 10);
	return Number.isFinite(free) && free < 1024;
}

/** Where it may be looked into is said by who knows the chain. */
function hintOf(status: number, tail: string, full: boolean): { readonly hint?: string } {
	const hint = hintFor(status, tail, full);
	return hint === undefined ? {} : { hint };
}

/** What may have been the cause; undefined: the command knows best. */
function hintFor(status: number, tail: string, full: boolean): string | undefined {
	if (full)
		return `give the image a larger disk than it has (--disk-size, 10G by default); a larger disk costs nothing until it is written`;
	if (/Temporary failure (in name resolution|resolving)|Could not resolve host/i.test(tail))
		return `the machine cannot resolve names: it uses this host's resolver and network (see "nodebuild doctor")`;
	if (status === 127) return `a command was not found: install it in an earlier step, or check its spelling`;
	if (status === 126)
		return `a command was found but cannot be run: check its mode (COPY --chmod=755) and its first line`;
	return undefined;
}

/** WORKDIR: missing parents are made too; what is made belongs to the user. */
async function makeDirectory(effect: Extract<Effect, { kind: "mkdir" }>, destination: Destination): Promise<void> {
	const { guest, root } = destination;
	const path = effect.path.replace(/\/+$/, "") || "/";
	const real = root === "" ? path : `${root}${(await destination.locate(path)).dest}`;
	const result = await guest.capture({
		argv: ["sh", "-c", MAKE_DIRECTORY, "sh", real, await ownerOf(effect.user, destination)],
	});
	if (result.status === 0) return;
	throw new NodebuildError({
		code: "STEP_FAILED",
		message: `the directory ${effect.path} could not be made in the machine`,
		details: result.stderr.trimEnd().split("\n"),
		hint: "something on the path is not a directory",
	});
}

/** Symlinks are followed where they lead to nothing yet too, as in BuildKit (llbsolver/file/backend.go). */
const MAKE_DIRECTORY = `set -e
real=$(readlink -m -- "$1" 2>/dev/null) || real=
[ -z "$real" ] || set -- "$real" "$2"
path=$1
new=
while [ ! -d "$path" ]; do
	new="$path"
	parent=\${path%/*}
	[ "$parent" != "$path" ] || break
	path=\${parent:-/}
done
[ -n "$new" ] || exit 0
mkdir -p -m 755 -- "$1"
path=$1
while :; do
	chmod 755 "$path"
	chown "$2" "$path"
	[ "$path" != "$new" ] || break
	path=\${path%/*}
done
`;

async function ownerOf(user: string, { guest, root }: Destination): Promise<string> {
	if (user === "") return "0:0";
	const { passwd, group } = await readAccounts(guest, root);
	const { uid, gid } = resolveOwnerIds(user, passwd, group);
	return `${uid}:${gid}`;
}
