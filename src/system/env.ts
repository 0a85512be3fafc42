/** The one place that reads process.env: everything is named, typed and checked here. */
import { homedir, tmpdir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { NodebuildError } from "../errors.ts";

const BASE_SOURCES = ["auto", "image", "bootstrap"] as const;
const ACCELERATORS = ["auto", "kvm", "tcg"] as const;
export type BaseSource = (typeof BASE_SOURCES)[number];
export type AcceleratorChoice = (typeof ACCELERATORS)[number];

export interface Environment {
	/** Folder of the store: NODEBUILD_HOME, else $XDG_DATA_HOME/nodebuild, else ~/.local/share/nodebuild. Absolute. */
	readonly home: string;
	/** NODEBUILD_BASE_SOURCE: where bases come from; "auto" tries the image first. */
	readonly baseSource: BaseSource;
	/** NODEBUILD_ACCEL. */
	readonly accelerator: AcceleratorChoice;
	/** NODEBUILD_QEMU: the QEMU program to run instead of the one on PATH. */
	readonly qemu?: string;
	/** Proxies as curl reads them: lower case wins, HTTP_PROXY in capitals counts too. */
	readonly proxy: { readonly http?: string; readonly https?: string; readonly no?: string };
	/** NO_COLOR is set to anything (no-color.org). */
	readonly noColor: boolean;
	/** CI is set to anything but "", "0" or "false". */
	readonly ci: boolean;
	/** NODEBUILD_LIVE_QUOTA: bytes on disk that live states may take; 8 GiB by default. */
	readonly liveQuota: number;
	/** Folders of PATH. */
	readonly searchPath: readonly string[];
	/** XDG_RUNTIME_DIR, when it is an absolute path. */
	readonly runtimeDir?: string;
	/** TMPDIR, else /tmp. */
	readonly tempDir: string;
	/** The user's home folder. */
	readonly userHome: string;
	/** TERM, for the choice of the terminal renderer. */
	readonly term?: string;
	readonly ansible: {
		/** ANSIBLE_ROLES_PATH: absolute folders with roles. */
		readonly rolesPath: readonly string[];
		/** What the ansible that runs roles is given of this environment. */
		readonly passed: Readonly<Record<string, string>>;
	};
}

/** Where programs, collections and vault passwords are; nothing that changes what Ansible does. */
const ANSIBLE_PASSED = [
	...["PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "VIRTUAL_ENV"],
	...["ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_COLLECTIONS_PATHS"],
	...["ANSIBLE_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_IDENTITY_LIST"],
];

type Variables = Readonly<Record<string, string | undefined>>;

/** Unset and empty are the same, as for every variable here. */
function text(variables: Variables, ...names: readonly string[]): string | undefined {
	for (const name of names) {
		const value = variables[name];
		if (value !== undefined && value !== "") return value;
	}
	return undefined;
}

/** The XDG specification: a relative path is to be ignored. */
function absolute(variables: Variables, name: string): string | undefined {
	const value = text(variables, name);
	return value !== undefined && isAbsolute(value) ? value : undefined;
}

function choice<T extends string>(variables: Variables, name: string, allowed: readonly T[], fallback: T): T {
	const value = text(variables, name);
	if (value === undefined) return fallback;
	const found = allowed.find((one) => one === value.toLowerCase());
	if (found !== undefined) return found;
	throw new NodebuildError({
		code: "USAGE",
		message: `expected ${name} to be one of ${allowed.join(", ")}, got "${value}"`,
		hint: `unset ${name}, or set it to one of these`,
	});
}

function bytes(variables: Variables, name: string, fallback: number): number {
	const value = text(variables, name);
	if (value === undefined) return fallback;
	if (/^\d+$/.test(value)) return Number(value);
	throw new NodebuildError({
		code: "USAGE",
		message: `expected ${name} to be a number of bytes, got "${value}"`,
		hint: `unset ${name}, or give it a whole number`,
	});
}

/** A member only where there is a value: exactOptionalPropertyTypes. */
function optional<K extends string>(name: K, value: string | undefined): { readonly [P in K]?: string } {
	return value === undefined ? {} : ({ [name]: value } as { readonly [P in K]?: string });
}

/**
 * The environment as nodebuild sees it.
 * @throws NodebuildError USAGE when a variable of ours has a value it cannot have.
 */
export function readEnvironment(variables: Variables = process.env): Environment {
	const userHome = text(variables, "HOME") ?? homedir();
	const dataHome = absolute(variables, "XDG_DATA_HOME") ?? join(userHome, ".local", "share");
	const ownHome = text(variables, "NODEBUILD_HOME");
	const ci = text(variables, "CI");
	return {
		home: ownHome === undefined ? join(dataHome, "nodebuild") : resolve(ownHome),
		baseSource: choice(variables, "NODEBUILD_BASE_SOURCE", BASE_SOURCES, "auto"),
		accelerator: choice(variables, "NODEBUILD_ACCEL", ACCELERATORS, "auto"),
		...optional("qemu", text(variables, "NODEBUILD_QEMU")),
		proxy: {
			...optional("http", text(variables, "http_proxy", "HTTP_PROXY")),
			...optional("https", text(variables, "https_proxy", "HTTPS_PROXY")),
			...optional("no", text(variables, "no_proxy", "NO_PROXY")),
		},
		noColor: text(variables, "NO_COLOR") !== undefined,
		ci: ci !== undefined && ci !== "0" && ci.toLowerCase() !== "false",
		liveQuota: bytes(variables, "NODEBUILD_LIVE_QUOTA", 8 * 2 ** 30),
		searchPath: (variables.PATH ?? "").split(":").filter((folder) => folder !== ""),
		...optional("runtimeDir", absolute(variables, "XDG_RUNTIME_DIR")),
		tempDir: absolute(variables, "TMPDIR") ?? tmpdir(),
		userHome,
		...optional("term", text(variables, "TERM")),
		ansible: {
			rolesPath: (variables.ANSIBLE_ROLES_PATH ?? "").split(":").filter((folder) => isAbsolute(folder)),
			passed: Object.assign({}, ...ANSIBLE_PASSED.map((name) => optional(name, text(variables, name)))),
		},
	};
}
