/** `RUN --mount=...`: targets, ids, and what is mounted. */
import { expandMounts } from "../../instructions/index.ts";
import type { MountSpec, RunInstruction } from "../../instructions/types.ts";
import { basePath, cleanPath, joinPath } from "../paths.ts";
import type { CopyOrigin, CopyRequest, Env, MountOrigin, PlannedMount } from "../types.ts";
import { expandIn, invalid, type LowerContext, type Source } from "./context.ts";

export async function lowerMounts(instruction: RunInstruction, context: LowerContext): Promise<PlannedMount[]> {
	const mounts: PlannedMount[] = [];
	for (const [index, mount] of expandMounts(instruction, expandIn(context)).entries()) {
		const agents = mounts.filter(({ type }) => type === "ssh").length;
		mounts.push(await lowerMount(mount, context.sources[index], agents, context));
	}
	return mounts;
}

/** The environment with the first agent's socket in it, unless it names another. */
export function withAgent(env: Env, mounts: readonly PlannedMount[]): Env {
	const agent = mounts.find(({ type }) => type === "ssh")?.target;
	if (agent === undefined || env.some(([name]) => name === "SSH_AUTH_SOCK")) return env;
	return [...env, ["SSH_AUTH_SOCK", agent]];
}

/** Sockets without a target are numbered (moby/buildkit client/llb/exec.go). */
function lowerSsh(mount: MountSpec, before: number, { at }: LowerContext): PlannedMount {
	if (mount.source !== undefined)
		throw invalid(at, `expected an ssh mount without source, got source=${mount.source}`, "Name the agent: id=name.", {
			part: `source=${mount.source}`,
		});
	const target = mount.target === undefined ? `/run/buildkit/ssh_agent.${before}` : joinPath("/", mount.target);
	return { ...mount, id: mount.id ?? "default", target };
}

async function lowerMount(
	mount: MountSpec,
	source: Source | undefined,
	agents: number,
	context: LowerContext,
): Promise<PlannedMount> {
	switch (mount.type) {
		case "ssh":
			return lowerSsh(mount, agents, context);
		case "secret":
			return lowerSecret(mount, context);
		case "tmpfs":
			return { ...mount, target: targetOf(mount, context) };
		case "bind":
			return withContent({ ...mount, target: targetOf(mount, context) }, source ?? { kind: "context" }, context);
		case "cache": {
			const planned = { ...mount, target: targetOf(mount, context), id: cacheId(mount) };
			return source === undefined ? planned : withContent(planned, source, context);
		}
	}
}

function targetOf(mount: MountSpec, context: LowerContext): string {
	const written = mount.target ?? "";
	const target = written.startsWith("/") ? cleanPath(written) : joinPath("/", context.state.config.workdir, written);
	if (target === "/")
		throw invalid(context.at, `expected a mount target below "/", got "${target}"`, "Add target=/some/directory.", {
			part: `target=${written}`,
		});
	return target;
}

/** Without an id, caches of one target are one cache. */
function cacheId(mount: MountSpec): string {
	return mount.id === undefined || mount.id === "" ? cleanPath(mount.target ?? "") : mount.id;
}

/** The id may be written as id or source, or be the target's name; the target defaults to /run/secrets/<id>. */
function lowerSecret(mount: MountSpec, context: LowerContext): PlannedMount {
	const id = mount.source || mount.id || (mount.target === undefined ? "" : basePath(mount.target));
	if (id === "")
		throw invalid(context.at, "expected a secret mount with id, source or target, got none of them", "Add id=name.", {
			part: "type=secret",
		});
	const target = mount.target === undefined ? undefined : joinPath("/", mount.target);
	// With env alone, the secret is a variable of the command and no file.
	if (target === undefined && mount.env !== undefined) return { ...mount, id };
	return { ...mount, id, target: target ?? `/run/secrets/${basePath(id)}` };
}

async function withContent(mount: PlannedMount, origin: MountOrigin, context: LowerContext): Promise<PlannedMount> {
	const content = await context.contentOf(contentRequest(mount, origin, "/"), context.at, "RUN --mount=from");
	return { ...mount, origin, content };
}

/** What a mount brings in, as the COPY that brings the same to `dest`. The source is a path, not a pattern. */
export function contentRequest(mount: PlannedMount, origin: MountOrigin, dest: string): CopyRequest {
	const path = joinPath("/", mount.source ?? "").replace(/[*?[\]\\]/g, "\\$&");
	const from: CopyOrigin = { ...origin, paths: [path] };
	return { origins: [from], dest, link: false, parents: false, exclude: [], unpack: false };
}
