/**
 * RUN --mount: a mount namespace for the command alone, with what it asked for mounted in it. Nothing of it is left on
 * the machine's disk, or in its process table, when the command has ended.
 */
import { randomBytes } from "node:crypto";
import type { ResolvedCopy } from "../context/index.ts";
import type { Digest } from "../digest.ts";
import { NodebuildError } from "../errors.ts";
import { quote } from "../guest/command.ts";
import { inPlace } from "../guest/in-place.ts";
import { openMountNamespace } from "../guest/mount-namespace.ts";
import {
	beginScript,
	bindScript,
	endScript,
	fillScript,
	findScript,
	type GuestDisk,
	type GuestMount,
	readBegun,
	STAGING,
} from "../guest/mount-script.ts";
import { MOUNT_ROOT } from "../guest/mount-root.ts";
import type { Guest, Place } from "../guest/types.ts";
import { contentRequest } from "../plan/lower/mounts.ts";
import type { CopyRequest, PlannedMount } from "../plan/types.ts";
import { copyIntoGuest } from "./copy.ts";
import { machineDestination } from "./destination.ts";
import { attachScratch, cacheIdentity, type DiskContext, openCaches, ownerOf } from "./mount-disks.ts";
import type { DiskOrigin, MountedSource } from "./mount-source.ts";
import { agentFor, missing, readSecret } from "./secrets.ts";
import type { BuildOptions } from "./types.ts";
import { Undo } from "./undo.ts";

export interface MountContext extends DiskContext {
	readonly given: Pick<BuildOptions, "secrets" | "agents">;
	copyOf(request: CopyRequest): Promise<ResolvedCopy>;
	/** The disk of another stage, a base or an image, attached to the machine; disposed of after use. */
	openSource(origin: DiskOrigin): Promise<MountedSource>;
}

/** How the command is run so that it finds its mounts. */
export interface Inside {
	readonly place: Place;
	readonly secretEnv: readonly (readonly [name: string, value: Uint8Array])[];
}

/** One mount on its way: each member is done in turn, for all mounts. */
interface Part {
	/** Formatted where it must be, and mounted. */
	readonly disk?: GuestDisk;
	/** Fill what is mounted by then; `empty`: the disks without content, by where they are. */
	readonly fill?: (inside: Guest, empty: ReadonlySet<string>) => Promise<void>;
	readonly bind?: GuestMount;
	readonly env?: readonly [name: string, value: Uint8Array];
}

/** Files of the context up to this size go to memory: bytes, each file counted with its page. */
const IN_MEMORY = 64 * 2 ** 20;
const PAGE = 4096;

/** @throws NodebuildError USAGE for a secret that is missing, STEP_FAILED when something cannot be mounted, MACHINE_LOST. */
export async function withMounts<T>(
	mounts: readonly PlannedMount[],
	context: MountContext,
	run: (inside: Inside) => Promise<T>,
): Promise<T> {
	const undo = new Undo();
	return undo.after(async () => {
		const parts = (await partsOf(mounts, context, undo)).filter((part) => part !== undefined);
		const disks = parts.flatMap(({ disk }) => disk ?? []);
		const place = await mountAll(parts, disks, context, undo);
		return run({ place, secretEnv: parts.flatMap(({ env }) => (env === undefined ? [] : [env])) });
	});
}

async function mountAll(
	parts: readonly Part[],
	disks: readonly GuestDisk[],
	{ running }: MountContext,
	undo: Undo,
): Promise<Place> {
	const { guest } = running.machine;
	let stubs: readonly string[] = [];
	undo.add(async () => {
		if (stubs.length > 0) await script(guest, endScript(stubs));
	});
	const namespace = await openMountNamespace(guest);
	undo.add(() => namespace.close(disks.map(({ device }) => device)));
	const inside = inPlace(guest, namespace.place);
	const bound = parts.flatMap(({ bind }) => bind ?? []);
	const targets = bound.map(({ target }) => target);
	const begun = readBegun(await script(inside, beginScript(targets, disks)));
	stubs = begun.missing;
	for (const { fill } of parts) await fill?.(inside, new Set(begun.empty));
	await script(inside, bindScript(bound));
	return namespace.place;
}

async function partsOf(
	mounts: readonly PlannedMount[],
	context: MountContext,
	undo: Undo,
): Promise<readonly (Part | undefined)[]> {
	// Before anything is waited for.
	const secrets = await Promise.all(mounts.map((mount) => secretOf(mount, context)));
	const agents = await Promise.all(mounts.map((mount) => serverOf(mount, context)));
	const caches = await openCaches(mounts, context, undo);
	const used = new Map<Digest, string>();
	const parts: (Part | undefined)[] = [];
	for (const [index, mount] of mounts.entries()) {
		const at = `${STAGING}/${index}`;
		switch (mount.type) {
			case "tmpfs":
				parts.push({ bind: tmpfs(mount) });
				break;
			case "secret":
				parts.push(...secretParts(mount, secrets[index], at));
				break;
			case "ssh": {
				const serve = agents[index];
				if (serve !== undefined) parts.push(await socket(mount, serve, context, undo));
				break;
			}
			case "cache": {
				const identity = cacheIdentity(mount);
				const cache = caches.get(identity);
				const known = used.get(identity);
				used.set(identity, known ?? at);
				if (cache !== undefined && known === undefined)
					parts.push({ disk: { device: cache.device, at, fresh: cache.fresh }, fill: filledCache(mount, at, context) });
				const path = mount.origin === undefined ? (mount.source ?? "/") : "/";
				parts.push({ bind: { ...bindOf(mount), root: `${known ?? at}/content`, path, make: true } });
				break;
			}
			case "bind": {
				const disk = diskOf(mount);
				if (disk === undefined) parts.push(await files(mount, at, context, undo));
				else parts.push(...(await tree(mount, disk, at, context, undo)));
			}
		}
	}
	return parts;
}

function bindOf({ target = "", readOnly = false }: PlannedMount) {
	return { kind: "tree", target, readOnly } as const;
}

function tmpfs({ target = "", readOnly = false, sizeLimit = 0 }: PlannedMount): GuestMount {
	return { kind: "tmpfs", target, readOnly, ...(sizeLimit > 0 ? { bytes: sizeLimit } : {}) };
}

async function secretOf(mount: PlannedMount, { given }: MountContext): Promise<Uint8Array | undefined> {
	if (mount.type !== "secret") return undefined;
	const content = await readSecret(mount.id ?? "", given);
	if (content === undefined && mount.required === true) throw missing(mount);
	return content;
}

/** One that is missing and may be: no file, and an empty variable (moby/buildkit solver/llbsolver/ops/exec.go). */
function secretParts(mount: PlannedMount, content: Uint8Array | undefined, at: string): Part[] {
	const parts: Part[] = [];
	if (mount.env !== undefined) parts.push({ env: [mount.env, content ?? new Uint8Array()] });
	if (content === undefined || mount.target === undefined) return parts;
	const { mode, uid, gid } = ownerOf({ ...mount, mode: mount.mode ?? 0o400 });
	const fill = async (inside: Guest): Promise<void> => {
		const steps = `umask 077; cat > ${at} && chown ${uid}:${gid} ${at} && chmod ${mode.toString(8)} ${at}`;
		const { status, stderr } = await inside.capture({ argv: ["/bin/sh", "-c", steps], stdin: content });
		if (status !== 0) throw unmountable(stderr);
	};
	return [...parts, { fill, bind: { ...bindOf({ ...mount, readOnly: true }), root: "", path: at } }];
}

async function serverOf(mount: PlannedMount, { given }: MountContext) {
	if (mount.type !== "ssh") return undefined;
	const serve = await agentFor(mount.id ?? "", given);
	if (serve === undefined && mount.required === true) throw missing(mount);
	return serve;
}

/** In /dev, which is one file system for our sshd and the machine, until it is bound. */
async function socket(
	mount: PlannedMount,
	serve: NonNullable<Awaited<ReturnType<typeof agentFor>>>,
	{ running }: MountContext,
	undo: Undo,
): Promise<Part> {
	const path = `/dev/agent-${randomBytes(6).toString("hex")}`;
	undo.add(await running.machine.guest.forwardSocket(path, serve));
	const owner = ownerOf({ ...mount, mode: mount.mode ?? 0o600 });
	return { bind: { kind: "socket", target: mount.target ?? "", path, ...owner } };
}

function filledCache(mount: PlannedMount, at: string, context: MountContext): NonNullable<Part["fill"]> {
	return async (inside, empty) => {
		if (!empty.has(at)) return;
		const from = `${at}-from`;
		const disk = diskOf(mount);
		if (disk !== undefined) {
			await using source = await context.openSource(disk);
			const tree = await script(inside, `${mountTree(source, from)}${findScript(from, mount.source ?? "/")}`);
			await script(inside, fillScript(at, ownerOf(mount), tree.trimEnd()));
			await script(inside, `umount -R ${from}\n`);
		} else {
			if (mount.origin !== undefined) await copyContext(mount, from, inside, context);
			await script(inside, fillScript(at, ownerOf(mount), mount.origin === undefined ? undefined : `${from}/content`));
		}
	};
}

/** The origin of a mount that is a disk of its own. */
function diskOf({ origin }: PlannedMount): DiskOrigin | undefined {
	if (origin?.kind === "stage") return { ...origin, paths: [] };
	return origin?.kind === "image" ? { ...origin, paths: [] } : undefined;
}

function mountTree({ device }: MountedSource, at: string): string {
	return `${MOUNT_ROOT}mount_root ${quote(device)} ${quote(at)} || exit 1\n`;
}

/** A path of another stage's disk; with `rw`, what is changed lies on a disk that is thrown away. */
async function tree(
	mount: PlannedMount,
	origin: DiskOrigin,
	at: string,
	context: MountContext,
	undo: Undo,
): Promise<readonly Part[]> {
	const source = await context.openSource(origin);
	undo.add(async () => source[Symbol.asyncDispose]());
	const fill = async (inside: Guest): Promise<void> => void (await script(inside, mountTree(source, at)));
	const bind = { ...bindOf(mount), root: at, path: mount.source ?? "/" };
	if (mount.readOnly === true) return [{ fill, bind }];
	const changes = `${at}-changes`;
	const disk = { device: await attachScratch(context, undo), at: changes, fresh: true };
	return [{ fill, disk, bind: { ...bind, changes: `${changes}/content` } }, { fill: emptied(changes) }];
}

/** The directory of a disk that is thrown away. */
function emptied(at: string): NonNullable<Part["fill"]> {
	return async (inside) => void (await script(inside, fillScript(at, ownerOf({ type: "bind" }))));
}

/** Files of the context: in memory when they are few and stay as they are, else on a disk that is thrown away. */
async function files(mount: PlannedMount, at: string, context: MountContext, undo: Undo): Promise<Part> {
	const { origin } = mount;
	if (origin === undefined) throw new NodebuildError({ code: "INTERNAL", message: "a bind mount without an origin" });
	const { bytes, sources } = await context.copyOf(contentRequest(mount, origin, "/"));
	const entries = sources.reduce((sum, source) => sum + source.entries.length, 0);
	const small = mount.readOnly === true && bytes + entries * PAGE <= IN_MEMORY;
	const path = sources.some(({ isDirectory }) => isDirectory) ? "/" : "/file";
	return {
		...(small ? {} : { disk: { device: await attachScratch(context, undo), at, fresh: true } }),
		fill: async (inside) => {
			if (!small) await script(inside, fillScript(at, ownerOf({ type: "bind" })));
			await copyContext(mount, at, inside, context);
		},
		bind: { ...bindOf(mount), root: `${at}/content`, path },
	};
}

/** The context's files to `content` in a directory: a directory's into it, a file under the name "file". */
async function copyContext(mount: PlannedMount, at: string, inside: Guest, context: MountContext): Promise<void> {
	const { origin } = mount;
	if (origin === undefined) return;
	const copy = await context.copyOf(contentRequest(mount, origin, "/"));
	const directory = copy.sources.some(({ isDirectory }) => isDirectory);
	await script(inside, `mkdir -p -m 755 ${quote(`${at}/content`)}\n`);
	const request = contentRequest(mount, origin, directory ? `${at}/content/` : `${at}/content/file`);
	const { machine, work } = context.running;
	const disks = { folder: work.path, attach: machine.attach.bind(machine) };
	await copyIntoGuest(machineDestination(inside, disks), request, copy, context.signal);
}

/** @throws NodebuildError STEP_FAILED with what the script said. */
async function script(guest: Guest, text: string): Promise<string> {
	const { status, stdout, stderr, rebooted } = await guest.capture({ argv: ["/bin/sh", "-s"], stdin: text });
	// A command that reboots the machine may be done before it has gone down.
	if (rebooted) return script(guest, text);
	if (status !== 0) throw unmountable(stderr);
	return stdout;
}

function unmountable(said: string): NodebuildError {
	return new NodebuildError({
		code: "STEP_FAILED",
		message: "what RUN --mount asks for could not be mounted",
		details: said.trimEnd().split("\n").slice(-5),
		hint: "a target must be of the source's kind, a file or a directory; docs/nodefile.md says what each type needs",
	});
}
