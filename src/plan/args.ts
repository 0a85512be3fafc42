/** ARG: the global scope before the first FROM, predefined arguments, and which of them were given in vain. */
import type { ArgInstruction, Nodefile, StageInstruction } from "../instructions/types.ts";
import { nearest } from "../nodefile/suggest.ts";
import { getEnv, setEnv } from "./env.ts";
import type { Expand } from "./expand.ts";
import type { PlanInput } from "./input.ts";
import { formatPlatform, parsePlatform } from "./platform.ts";
import type { Env } from "./types.ts";

/** Usable in RUN without ARG; docs.docker.com/reference/dockerfile, "Predefined ARGs". */
const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

const PLATFORM_ARGS = ["PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT"].flatMap((part) => [
	`BUILD${part}`,
	`TARGET${part}`,
]);

const isProxy = (name: string): boolean => PROXIES.includes(name.toUpperCase());

export function buildArg(input: PlanInput, name: string): string | undefined {
	return Object.hasOwn(input.buildArgs, name) ? input.buildArgs[name] : undefined;
}

/** Arguments that exist in FROM without being declared, and in a stage once declared there. */
function automaticArgs(input: PlanInput): Env {
	const target = parsePlatform(input.platform);
	const build = parsePlatform(input.buildPlatform ?? input.platform);
	const stage = input.target ?? input.nodefile.stages.at(-1)?.from.as ?? "default";
	const values: [string, string][] = [
		["BUILDPLATFORM", build === undefined ? "" : formatPlatform(build)],
		["BUILDOS", build?.os ?? ""],
		["BUILDOSVERSION", ""],
		["BUILDARCH", build?.architecture ?? ""],
		["BUILDVARIANT", build?.variant ?? ""],
		["TARGETPLATFORM", target === undefined ? "" : formatPlatform(target)],
		["TARGETOS", target?.os ?? ""],
		["TARGETOSVERSION", ""],
		["TARGETARCH", target?.architecture ?? ""],
		["TARGETVARIANT", target?.variant ?? ""],
		["TARGETSTAGE", stage === "" ? "default" : stage],
	];
	return values.map(([name, value]): Env[number] => [name, buildArg(input, name) ?? value]);
}

/** The scope of FROM: automatic arguments, then each ARG before the first FROM. */
export function globalScope(input: PlanInput, expand: (at: ArgInstruction, env: Env) => Expand): Env {
	let env = automaticArgs(input);
	for (const instruction of input.nodefile.globalArgs) {
		for (const { key, value } of instruction.args) {
			const given = buildArg(input, key);
			const resolved = given ?? (value === undefined ? undefined : expand(instruction, env)(value));
			if (resolved !== undefined) env = setEnv(env, key, resolved);
		}
	}
	return env;
}

/** Proxies given as build arguments, both spellings each, as BuildKit hands them to RUN. */
export function proxyEnv(buildArgs: Readonly<Record<string, string>>): Env {
	return PROXIES.flatMap((proxy): Env => {
		const value = Object.keys(buildArgs)
			.sort()
			.filter((name) => name.toUpperCase() === proxy)
			.map((name) => buildArgs[name])
			.at(-1);
		if (value === undefined || value === "") return [];
		return [
			[proxy, value],
			[proxy.toLowerCase(), value],
		];
	});
}

/** `env` with the proxies that it does not define itself, and the names that were added. */
export function withProxies(env: Env, proxies: Env): { readonly env: Env; readonly added: readonly string[] } {
	const missing = proxies.filter(([name]) => getEnv(env, name) === undefined);
	return { env: [...env, ...missing], added: missing.map(([name]) => name) };
}

/** Names of all ARGs of a Nodefile, and of the triggers. */
export function declaredNames(nodefile: Nodefile, triggers: readonly StageInstruction[] = []): string[] {
	const instructions = [...nodefile.globalArgs, ...nodefile.stages.flatMap((stage) => stage.instructions), ...triggers];
	return instructions.flatMap((instruction) =>
		instruction.kind === "arg" ? instruction.args.map(({ key }) => key) : [],
	);
}

/** Names of ARGs that have a default of their own anywhere in a Nodefile. */
export function defaultedNames(nodefile: Nodefile): string[] {
	const instructions = [...nodefile.globalArgs, ...nodefile.stages.flatMap((stage) => stage.instructions)];
	return instructions.flatMap((instruction) =>
		instruction.kind === "arg" ? instruction.args.flatMap(({ key, value }) => (value === undefined ? [] : [key])) : [],
	);
}

/** Warns of --build-arg names that nothing takes (no ARG here, and nothing where a base was `elsewhere` built) and that mean nothing by themselves. */
export function warnUnconsumed(
	input: PlanInput,
	triggers: readonly StageInstruction[],
	elsewhere: readonly string[],
): void {
	if (input.isParent === true) return;
	const declared = [...declaredNames(input.nodefile, triggers), ...elsewhere];
	const known = new Set([...declared, ...PLATFORM_ARGS, "TARGETSTAGE", "SOURCE_DATE_EPOCH"]);
	const unconsumed = Object.keys(input.buildArgs)
		.filter((name) => !known.has(name) && !isProxy(name) && !name.startsWith("BUILDKIT_"))
		.sort();
	if (unconsumed.length === 0) return;
	const hints = unconsumed.flatMap((name) => {
		const similar = nearest(name, declared);
		return similar === undefined ? [] : [` (did you mean ${similar}?)`];
	});
	const message = `One or more build-args [${unconsumed.join(" ")}] were not consumed${hints.join("")}`;
	input.warn({ message });
}
