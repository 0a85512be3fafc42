/** FROM another Nodefile: what its build gets of ours, and which Nodefiles led there. */
import { realpathSync } from "node:fs";
import { relative, resolve } from "node:path";
import type { NodefileReference } from "../bases/nodefile.ts";
import { NodebuildError, type SourceLocation } from "../errors.ts";
import type { ImageConfig } from "../plan/types.ts";
import type { RootDisk } from "./prepare.ts";
import type { BuildOptions } from "./types.ts";

/** The image of a Nodefile that another one is FROM. */
export interface Parent {
	readonly root: Omit<RootDisk, "ref">;
	readonly config: ImageConfig;
	/** Names of the ARGs of its Nodefile and of the variables of its profile, and those of the Nodefiles that one is FROM. */
	readonly args: readonly string[];
}

/** Takes a parent from the store, or makes it; `nodebuild plan` only looks. */
export type FindParent = (
	reference: NodefileReference,
	at: SourceLocation,
	/** What the child cannot do without: thrown before anything is made. */
	lack?: NodebuildError,
) => Promise<Parent>;

/**
 * The options of a parent's build. What describes the result (tags, outputs, labels, the target, the disk's size) is the
 * child's alone, and so is --no-cache; build arguments reach every Nodefile that declares them.
 * @throws NodebuildError NODEFILE_INVALID when a Nodefile is FROM itself, with the way round.
 */
export function parentOptions(options: BuildOptions, reference: NodefileReference, at: SourceLocation): BuildOptions {
	const { target: _target, diskSize: _size, ...common } = options;
	const trail = [...(options.trail ?? []), real(options.nodefile)];
	const next = real(reference.path);
	if (trail.includes(next)) throw circle([...trail.slice(trail.indexOf(next)), next], at);
	const shown = relative(process.cwd(), reference.path);
	return {
		...common,
		nodefile: shown.startsWith("..") ? reference.path : shown,
		context: reference.context,
		...(reference.target === undefined ? {} : { target: reference.target }),
		tags: [],
		outputs: [],
		labels: {},
		verify: false,
		noCache: false,
		trail,
	};
}

function real(path: string): string {
	try {
		return realpathSync(path);
	} catch {
		// What is missing is said when it is read.
		return resolve(path);
	}
}

function circle(paths: readonly string[], at: SourceLocation): NodebuildError {
	const names = paths.map((path) => relative(process.cwd(), path));
	return new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `expected Nodefiles that lead to a base, got a circle: ${names.join(" -> ")}`,
		hint: "one of them has to be FROM something else, e.g. FROM debian:12",
		at,
	});
}
