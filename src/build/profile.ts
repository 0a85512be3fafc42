/** A Nodefile's profile and the variables that were given, made into build arguments. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { messageOf, NodebuildError } from "../errors.ts";
import type { Emit } from "../events.ts";
import { nearest } from "../nodefile/suggest.ts";
import type { NodefileSettings } from "../nodefile/settings.ts";
import type { Nodefile } from "../instructions/types.ts";
import { declaredNames, defaultedNames, type RoleArguments } from "../plan/index.ts";
import type { FileVariable, GivenVariable, Profile, ProfileResult } from "../profiles/types.ts";
import type { BuildOptions } from "./types.ts";

export interface Profiled {
	readonly buildArgs: Readonly<Record<string, string>>;
	readonly labels: Readonly<Record<string, string>>;
	/** Names that the profile takes, whether an ARG has them or not. */
	readonly variables: readonly string[];
	/** Bytes, where the directive or the profile says. */
	readonly diskSize?: number;
	/** ARGs that name Ansible roles. */
	readonly roles?: RoleArguments;
}

/** Linux takes no longer text into a process's environment (MAX_ARG_STRLEN), with its name, =, and a zero at the end. */
const LONGEST_ARG = 128 * 1024;

/**
 * What the plan gets as build arguments: the variables that the Nodefile declares, --build-arg over --var-file over the
 * environment, checked and completed by the profile where there is one.
 * @throws NodebuildError NODEFILE_INVALID, USAGE
 */
export async function applyProfile(
	settings: NodefileSettings,
	options: BuildOptions,
	nodefile: Nodefile,
): Promise<Profiled> {
	const declared = declaredNames(nodefile);
	const fixed = settings.diskSize === undefined ? {} : { diskSize: settings.diskSize };
	if (settings.profile === undefined)
		return {
			buildArgs: { ...fromFiles(options, declared), ...options.buildArgs },
			labels: {},
			variables: [],
			...fixed,
		};
	const { findProfile } = await import("../profiles/index.ts");
	const profile = await findProfile(settings.profile, settings.at);
	const result = resolve(profile, settings, options, declared);
	for (const message of result.warnings) warnOnce(options.emit, message);
	const values = { ...result.buildArgs, ...contentsOf(result.files) };
	// What the profile knows and no ARG takes was still of use: it is not warned of.
	const others = Object.entries(options.buildArgs).filter(([name]) => !profile.variables.includes(name));
	// An empty text over no default is as none: it would only make another key.
	const defaulted = new Set(defaultedNames(nodefile));
	const wanted = Object.entries(values).filter(([name, value]) =>
		value === "" ? defaulted.has(name) : declared.includes(name) || isProxy(name),
	);
	for (const [name, value] of wanted) requireShort(name, value, result.files);
	return {
		buildArgs: { ...ownOf(profile, options, declared), ...Object.fromEntries(others), ...Object.fromEntries(wanted) },
		labels: result.labels,
		variables: profile.variables,
		...(result.roles === undefined ? {} : { roles: rolesOf(result.roles) }),
		...(result.diskSize === undefined ? {} : { diskSize: result.diskSize }),
		...fixed,
	};
}

const warned = new WeakMap<Emit, Set<string>>();

/** The Nodefiles that one is FROM have mostly the same to say. */
function warnOnce(emit: Emit, message: string): void {
	const said = warned.get(emit) ?? new Set<string>();
	warned.set(emit, said);
	if (said.has(message)) return;
	said.add(message);
	emit({ type: "warning", message });
}

/** ARGs of the Nodefile's own that files of variables give: BASE, say. */
function ownOf(profile: Profile, { variables = [] }: BuildOptions, declared: readonly string[]) {
	const own = variables.filter(({ name }) => declared.includes(name) && !profile.variables.includes(name));
	return Object.fromEntries(own.flatMap(({ name, value }) => (value === null ? [] : [[name, textOf(value)]])));
}

const textOf = (value: unknown): string => (typeof value === "object" ? JSON.stringify(value) : String(value));

const isProxy = (name: string): boolean => /^(https?|no)_proxy$/.test(name);

function resolve(profile: Profile, settings: NodefileSettings, options: BuildOptions, declared: readonly string[]) {
	try {
		const { environment = {} } = options;
		return profile.resolve({ settings: settings.others, given: givenTo(profile, options), environment, declared });
	} catch (error) {
		const { at } = settings;
		const located = error instanceof NodebuildError && error.code === "NODEFILE_INVALID" && at !== undefined;
		throw located ? error.located(at) : error;
	}
}

/** Least first. */
function givenTo(profile: Profile, { environment = {}, variables = [], buildArgs }: BuildOptions): GivenVariable[] {
	const taken = profile.variables.filter((name) => !profile.notFromEnvironment.includes(name));
	return [
		...taken.flatMap((name): GivenVariable[] => {
			const value = environment[name];
			return value === undefined || value === "" ? [] : [{ name, value, from: "the environment" }];
		}),
		...variables,
		...Object.entries(buildArgs).map(([name, value]) => ({ name, value, from: "--build-arg" })),
	];
}

/** Without a profile, files of variables give the ARGs of their names. */
function fromFiles({ variables = [], trail, emit }: BuildOptions, declared: readonly string[]) {
	const values: Record<string, string> = {};
	for (const { name, value, from } of variables) {
		const similar = declared.includes(name) ? undefined : nearest(name, declared);
		if (similar !== undefined && trail === undefined)
			emit({ type: "warning", message: `${from} has the unknown variable ${name} (did you mean ${similar}?)` });
		if (declared.includes(name) && value !== null) values[name] = textOf(value);
	}
	return values;
}

/** The text of the file with the variables, so that it is in the keys of the steps. */
function rolesOf({ args, vars, varsFile }: NonNullable<ProfileResult["roles"]>): RoleArguments {
	return { args, vars: varsFile === undefined ? vars : readNamed(varsFile, "ansible_user_vars").toString("utf8") };
}

/** One word for each file: its name, a colon, its content in base64. */
function contentsOf(files: readonly FileVariable[]): Readonly<Record<string, string>> {
	return Object.fromEntries(files.map((file) => [file.arg, file.paths.map((path) => wordOf(path, file)).join(" ")]));
}

function wordOf(path: string, { variable, fault }: FileVariable): string {
	const content = readNamed(path, variable);
	const wrong = fault?.(content);
	if (wrong !== undefined)
		throw new NodebuildError({
			code: "USAGE",
			message: `${path} (${variable}) cannot be used: ${wrong}`,
			hint: "correct the file: the machine would only find out when it reads it",
		});
	return `${basename(path)}:${content.toString("base64")}`;
}

function requireShort(arg: string, value: string, files: readonly FileVariable[]): void {
	const most = LONGEST_ARG - Buffer.byteLength(`${arg}=\0`);
	const length = Buffer.byteLength(value);
	if (length <= most) return;
	const file = files.find((each) => each.arg === arg);
	throw new NodebuildError({
		code: "USAGE",
		message:
			file === undefined
				? `expected ${arg} to have at most ${most} bytes, got ${length}`
				: `expected the files of ${file.variable} to have at most ${most} bytes together, in base64 and with their names, got ${length} (${file.paths.join(" ")})`,
		hint: "leave out what is not needed: steps are handed each in one variable of the environment",
	});
}

function readNamed(path: string, variable: string): Buffer {
	try {
		return readFileSync(path);
	} catch (error) {
		throw new NodebuildError({
			code: "USAGE",
			message: `expected ${variable} to name a file of this host, got ${path}: ${messageOf(error)}`,
			cause: error,
		});
	}
}
