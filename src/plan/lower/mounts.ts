/** `RUN --mount=...`: targets, ids, and what is mounted. */
import { expandMounts } from "../../instructions/index.ts";
import type { MountSpec, RunInstruction } from "../../instructions/types.ts";
import { basePath, cleanPath, joinPath } from "../paths.ts";
import type { CopyOrigin, MountOrigin, PlannedMount } from "../types.ts";
import { expandIn, invalid, type LowerContext, type Source } from "./context.ts";

export async function lowerMounts(instruction: RunInstruction, context: LowerContext): Promise<PlannedMount[]> {
	const mounts: PlannedMount[] = [];
	for (const [index, mount] of expandMounts(instruction, expandIn(context)).entries())
		mounts.push(await lowerMount(mount, context.sources[index], context));
	return mounts;
}

async function lowerMount(mount: MountSpec, source: Source | undefined, context: LowerContext): Promise<PlannedMount> {
	switch (mount.type) {
		case "secret":
			return lowerSecret(mount, context);
		case "ssh":
			return { ...mount, ...(mount.target === undefined ? {} : { target: joinPath("/", mount.target) }) };
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
		throw invalid(context.at, `expected a mount target below "/", got "${target}"`, "Add target=/some/directory.");
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
		throw invalid(context.at, "expected a secret mount with id, source or target, got none of them", "Add id=name.");
	const target = mount.target === undefined ? undefined : joinPath("/", mount.target);
	// With env alone, the secret is a variable of the command and no file.
	if (target === undefined && mount.env !== undefined) return { ...mount, id };
	return { ...mount, id, target: target ?? `/run/secrets/${basePath(id)}` };
}

async function withContent(mount: PlannedMount, origin: MountOrigin, context: LowerContext): Promise<PlannedMount> {
	const content = await context.contentOf(
		{
			origins: [copyOrigin(origin, joinPath("/", mount.source ?? ""))],
			dest: mount.target ?? "/",
			link: false,
			parents: false,
			exclude: [],
			unpack: false,
		},
		context.at,
	);
	return { ...mount, origin, content };
}

function copyOrigin(origin: MountOrigin, path: string): CopyOrigin {
	return { ...origin, paths: [path] };
}
