/** `--from` of COPY and `from` of mounts: a stage, a named context, or an image. */
import { NodebuildError, partOf, type SourceLocation } from "../errors.ts";
import type { CopyInstruction, MountSpec, RunInstruction } from "../instructions/types.ts";
import { processWord } from "../nodefile/words.ts";
import type { PlanInput } from "./input.ts";
import type { Source } from "./lower/context.ts";

export interface SourceScope {
	readonly input: PlanInput;
	/** Every stage of the Nodefile: a source may be named before it is known to come too late. */
	readonly names: ReadonlyMap<string, number>;
	readonly at: SourceLocation;
}

/** COPY --from takes a stage's number too; a variable in it is refused, as BuildKit refuses it. */
export function copySource(copy: CopyInstruction, scope: SourceScope): Source | undefined {
	const from = copy.from;
	if (from === undefined || from === "") return undefined;
	refuseVariables(from, scope.at);
	if (!/^[+-]?\d+$/.test(from)) return namedSource(from, scope);
	const stage = Number(from);
	const count = scope.input.nodefile.stages.length;
	if (stage >= 0 && stage < count) return { kind: "stage", stage };
	throw new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `expected --from to be the number of a stage, 0 to ${count - 1}, got ${from}`,
		at: partOf(scope.at, `--from=${from}`),
	});
}

/** One entry for each mount; undefined: the build context, or nothing. */
export function mountSources(run: RunInstruction, scope: SourceScope): (Source | undefined)[] {
	return run.mounts.map((mount) => mountSource(mount, scope));
}

function mountSource(mount: MountSpec, scope: SourceScope): Source | undefined {
	const from = mount.from;
	if (from === undefined || from === "" || (mount.type !== "bind" && mount.type !== "cache")) return undefined;
	if (mount.type === "cache" && from === "scratch") return undefined;
	return namedSource(from, scope);
}

function namedSource(from: string, { input, names }: SourceScope): Source {
	const lower = from.toLowerCase();
	const context = [from, lower].find((name) => input.namedContexts?.has(name));
	if (context !== undefined) {
		const ref = input.namedContexts?.get(context);
		return ref === undefined ? { kind: "named-context", name: context } : { kind: "image", ref };
	}
	const stage = names.get(lower);
	return stage === undefined ? { kind: "image", ref: from } : { kind: "stage", stage };
}

function refuseVariables(from: string, at: SourceLocation): void {
	let expanded: string | undefined;
	let cause: unknown;
	try {
		expanded = processWord(from, () => undefined, { escape: "\\" }).value;
	} catch (error) {
		cause = error;
	}
	if (expanded === from) return;
	throw new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `expected --from to be a stage, a named context or an image without variables, got "${from}"`,
		hint: "Define a stage with FROM, which takes variables declared by ARG before the first FROM, and copy from it.",
		at: partOf(at, `--from=${from}`),
		...(cause === undefined ? {} : { cause }),
	});
}
