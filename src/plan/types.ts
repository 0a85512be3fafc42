/** The plan: plain data, printable as JSON, made without touching anything. */
import type { Digest } from "../digest.ts";
import type { SourceLocation } from "../errors.ts";
import type { CommandForm, Healthcheck, MountSpec } from "../instructions/types.ts";

/** Environment in order of first definition; names unique. */
export type Env = readonly (readonly [name: string, value: string])[];

/** What an image says of itself beside its disk; names as in the OCI image configuration. */
export interface ImageConfig {
	readonly env: Env;
	/** As written in USER; empty: root. */
	readonly user: string;
	/** Absolute; "/" when never set. */
	readonly workdir: string;
	/** Undefined: ["/bin/sh", "-c"]. */
	readonly shell?: readonly string[];
	readonly cmd?: CommandForm;
	readonly entrypoint?: CommandForm;
	/** "80/tcp", sorted. */
	readonly exposed: readonly string[];
	readonly volumes: readonly string[];
	readonly labels: Readonly<Record<string, string>>;
	readonly stopSignal?: string;
	readonly healthcheck?: Healthcheck;
	/** Triggers for images built FROM this one, as instruction texts. */
	readonly onbuild: readonly string[];
	readonly maintainer?: string;
}

export const EMPTY_CONFIG: ImageConfig = {
	env: [["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]],
	user: "",
	workdir: "/",
	exposed: [],
	volumes: [],
	labels: {},
	onbuild: [],
};

/** Where the files of a COPY or ADD come from. */
export type CopyOrigin =
	| { readonly kind: "context"; readonly paths: readonly string[] }
	| { readonly kind: "named-context"; readonly name: string; readonly paths: readonly string[] }
	| { readonly kind: "stage"; readonly stage: number; readonly paths: readonly string[] }
	| { readonly kind: "image"; readonly ref: string; readonly paths: readonly string[] }
	| { readonly kind: "inline"; readonly name: string; readonly content: string }
	/** `unpack`: ADD --unpack=true, the remote archive is unpacked; otherwise it is copied as a file. */
	| { readonly kind: "url"; readonly url: string; readonly checksum?: Digest; readonly unpack?: boolean }
	| {
			readonly kind: "git";
			/** For git itself. */
			readonly remote: string;
			/** Branch, tag or commit; undefined: the default branch. */
			readonly ref?: string;
			readonly subdir?: string;
			readonly keepGitDir: boolean;
			readonly submodules: boolean;
			/** The commit, or how it begins. */
			readonly checksum?: string;
	  };

export interface CopyRequest {
	readonly origins: readonly CopyOrigin[];
	/** Absolute path in the guest; a trailing slash says: a directory. */
	readonly dest: string;
	/** `user[:group]`, names or numbers, resolved in the guest. Undefined: 0:0. */
	readonly chown?: string;
	/** Octal or symbolic, as written. */
	readonly chmod?: string;
	readonly link: boolean;
	readonly parents: boolean;
	readonly exclude: readonly string[];
	/** Local archives are unpacked into `dest` (ADD). */
	readonly unpack: boolean;
}

/** Where the files of a bind mount (or the first content of a cache mount) come from. */
export type MountOrigin =
	| { readonly kind: "context" }
	| { readonly kind: "named-context"; readonly name: string }
	| { readonly kind: "stage"; readonly stage: number }
	| { readonly kind: "image"; readonly ref: string };

/** A mount with variables expanded, its target absolute, defaults of `id` and `target` filled in. */
export interface PlannedMount extends MountSpec {
	/** Undefined: a mount that starts empty (cache, tmpfs) or is made for the command (secret, ssh). */
	readonly origin?: MountOrigin;
	/** Digest of what is mounted, where there is an origin. */
	readonly content?: Digest;
}

/** What an instruction asks of a guest; the executor knows only these. */
export type Effect =
	| {
			readonly kind: "exec";
			readonly argv: readonly string[];
			/** Files that exist under /dev/pipes while the command runs (heredocs with a shebang). */
			readonly pipes: readonly { readonly name: string; readonly content: string }[];
			readonly env: Env;
			readonly cwd: string;
			/** As written in USER; empty: root. */
			readonly user: string;
			readonly mounts: readonly PlannedMount[];
			readonly network: "default" | "none" | "host";
			/** Names in `env` that do not influence the key: proxies nobody declared. */
			readonly unkeyed?: readonly string[];
	  }
	| { readonly kind: "copy"; readonly request: CopyRequest; readonly content: Digest }
	/** Create a directory and its parents where missing, owned by the user (WORKDIR). */
	| { readonly kind: "mkdir"; readonly path: string; readonly user: string }
	/** Have this host's Ansible run roles on the machine (an ARG that names some). */
	| {
			readonly kind: "ansible";
			/** Names, or absolute paths on the building host. */
			readonly roles: readonly string[];
			/** Digest of the roles' files. */
			readonly content: Digest;
			/** Variables of the user's for the roles, YAML or JSON; empty: none. */
			readonly vars: string;
			/** Environment of what the roles do. */
			readonly env: Env;
			/** Names in `env` that the roles get as variables too: the ARGs so far. */
			readonly args: readonly string[];
			/** Names in `env` that do not influence the key: proxies nobody declared. */
			readonly unkeyed: readonly string[];
	  };

export interface Step {
	/** "web 3/7" style position: stage name or number, index from 1 and count within the stage. */
	readonly stage: number;
	/** Name of the stage, where it has one. */
	readonly stageName?: string;
	readonly index: number;
	readonly count: number;
	/** Instruction after expansion, for people: "RUN apt-get update". */
	readonly title: string;
	readonly at: SourceLocation;
	/** Empty for an instruction that changes only the configuration: no layer. */
	readonly effects: readonly Effect[];
	/** Digest of the parent's key and everything that may change this step's result. */
	readonly key: Digest;
	readonly parent: Digest;
	/** Configuration after this step. */
	readonly config: ImageConfig;
}

/** What a FROM resolves to, as far as keys and configuration need to know. */
export type StageRoot =
	| { readonly kind: "base"; readonly ref: string; readonly digest: Digest; readonly family: string }
	| { readonly kind: "stage"; readonly stage: number }
	| { readonly kind: "scratch" };

export interface StagePlan {
	readonly index: number;
	readonly name?: string;
	readonly root: StageRoot;
	/** Key of the stage before its first step: the booted base, or the last key of the stage it is from. */
	readonly rootKey: Digest;
	readonly steps: readonly Step[];
	readonly config: ImageConfig;
	/** Indexes of stages that must be built before this one. */
	readonly needs: readonly number[];
	/** The words after its FROM. */
	readonly from: SourceLocation;
}

export interface Plan {
	readonly platform: string;
	/** Only the stages that the target needs, in an order in which they can be built. */
	readonly stages: readonly StagePlan[];
	readonly target: number;
	/** Key of the sealed image: last layer, configuration, seal version. */
	readonly imageKey: Digest;
}
