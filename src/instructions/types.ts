/** Typed instructions: what each line of a Nodefile asks for, before variables are expanded. */
import type { Heredoc, InstructionNode } from "../nodefile/types.ts";

/** Every instruction carries the node it came from (ranges, original text). */
interface At {
	readonly node: InstructionNode;
}

/** `shell`: one string for the stage's SHELL; `exec`: argv as written in JSON. */
export type CommandForm =
	| { readonly form: "shell"; readonly script: string }
	| { readonly form: "exec"; readonly argv: readonly string[] };

export interface KeyValue {
	readonly key: string;
	readonly value: string;
}

/** Durations in nanoseconds, as OCI and Docker keep them. */
export interface HealthcheckOptions {
	readonly interval?: number;
	readonly timeout?: number;
	readonly startPeriod?: number;
	readonly startInterval?: number;
	readonly retries?: number;
}

export type Healthcheck =
	| { readonly kind: "none" }
	| ({ readonly kind: "command"; readonly command: CommandForm } & HealthcheckOptions);

/** One `--mount=` of RUN, options as written; paths and ids not yet expanded. */
export interface MountSpec {
	readonly type: "bind" | "cache" | "tmpfs" | "secret" | "ssh";
	readonly target?: string;
	readonly source?: string;
	readonly from?: string;
	readonly id?: string;
	readonly env?: string;
	readonly readOnly?: boolean;
	readonly sharing?: "shared" | "private" | "locked";
	readonly required?: boolean;
	readonly mode?: number;
	readonly uid?: number;
	readonly gid?: number;
	readonly sizeLimit?: number;
}

export interface FromInstruction extends At {
	readonly kind: "from";
	/** As written, e.g. `debian:$RELEASE`. */
	readonly image: string;
	readonly platform?: string;
	/** Lower-cased stage name. */
	readonly as?: string;
}
export interface ArgInstruction extends At {
	readonly kind: "arg";
	readonly args: readonly { readonly key: string; readonly value?: string }[];
}
export interface EnvInstruction extends At {
	readonly kind: "env";
	readonly vars: readonly KeyValue[];
}
export interface LabelInstruction extends At {
	readonly kind: "label";
	readonly labels: readonly KeyValue[];
}
export interface RunInstruction extends At {
	readonly kind: "run";
	readonly command: CommandForm;
	/** Heredoc files of the command: `RUN <<EOF` or `RUN cat <<A > b`. */
	readonly heredocs: readonly Heredoc[];
	/** A sketch: types and texts as written, nothing checked. expandMounts gives what to mount. */
	readonly mounts: readonly MountSpec[];
	/** The value of each `--mount=`, as written. */
	readonly mountFlags: readonly string[];
	readonly network: "default" | "none" | "host";
	readonly security: "sandbox" | "insecure";
}
export interface CopyInstruction extends At {
	readonly kind: "copy" | "add";
	/** Paths, URLs or git addresses, as written. */
	readonly sources: readonly string[];
	readonly heredocs: readonly Heredoc[];
	readonly dest: string;
	readonly from?: string;
	readonly chown?: string;
	readonly chmod?: string;
	readonly link: boolean;
	readonly parents: boolean;
	readonly exclude: readonly string[];
	readonly checksum?: string;
	readonly keepGitDir: boolean;
	/** ADD --unpack; undefined: the default of the source's kind. */
	readonly unpack?: boolean;
}
export interface WorkdirInstruction extends At {
	readonly kind: "workdir";
	readonly path: string;
}
export interface UserInstruction extends At {
	readonly kind: "user";
	readonly user: string;
}
export interface ShellInstruction extends At {
	readonly kind: "shell";
	readonly argv: readonly string[];
}
export interface ExposeInstruction extends At {
	readonly kind: "expose";
	readonly ports: readonly string[];
}
export interface VolumeInstruction extends At {
	readonly kind: "volume";
	readonly paths: readonly string[];
}
export interface CmdInstruction extends At {
	readonly kind: "cmd" | "entrypoint";
	readonly command: CommandForm;
}
export interface HealthcheckInstruction extends At {
	readonly kind: "healthcheck";
	readonly check: Healthcheck;
}
export interface StopsignalInstruction extends At {
	readonly kind: "stopsignal";
	readonly signal: string;
}
export interface OnbuildInstruction extends At {
	readonly kind: "onbuild";
	/** The trigger's text, as the image's configuration keeps it. */
	readonly trigger: string;
}
export interface MaintainerInstruction extends At {
	readonly kind: "maintainer";
	readonly name: string;
}

/** What may stand in a stage after its FROM. */
export type StageInstruction =
	| ArgInstruction
	| EnvInstruction
	| LabelInstruction
	| RunInstruction
	| CopyInstruction
	| WorkdirInstruction
	| UserInstruction
	| ShellInstruction
	| ExposeInstruction
	| VolumeInstruction
	| CmdInstruction
	| HealthcheckInstruction
	| StopsignalInstruction
	| OnbuildInstruction
	| MaintainerInstruction;

export type Instruction = FromInstruction | StageInstruction;

export interface Stage {
	readonly index: number;
	readonly from: FromInstruction;
	readonly instructions: readonly StageInstruction[];
}

/** A whole Nodefile, understood. */
export interface Nodefile {
	/** ARG instructions before the first FROM. */
	readonly globalArgs: readonly ArgInstruction[];
	/** At least one. */
	readonly stages: readonly Stage[];
}
