/** Our instructions and BuildKit's, in one notation that can be compared. */
import { writtenKeyword } from "../../src/instructions/index.ts";
import { isLegacyForm } from "../../src/instructions/pairs.ts";
import type {
	CommandForm,
	Healthcheck,
	Instruction,
	KeyValue,
	Nodefile,
	RunInstruction,
} from "../../src/instructions/types.ts";
import type { Heredoc, InstructionNode } from "../../src/nodefile/types.ts";

/** `KEYWORD`, then what follows it: text for FROM, JSON for all others. */
type Typed = { readonly keyword: string; readonly body: unknown };

/** Every instruction of a Nodefile in the order of its text, global ARGs included. */
export function typedOf(nodefile: Nodefile): Typed[] {
	const staged: Instruction[] = nodefile.stages.flatMap((stage) => [stage.from, ...stage.instructions]);
	const global = nodefile.globalArgs.map(({ node }) => ({ keyword: "ARG", body: node.original.trim() }));
	const others = staged.map((instruction) => ({
		keyword: instruction.kind === "from" ? "FROM" : writtenKeyword(instruction.node),
		body: bodyOf(instruction),
	}));
	return [...global, ...others];
}

/** A recorded line. Of mounts BuildKit knows only `from` before it expands variables, so only that is kept. */
export function recorded(line: string): Typed {
	const [, keyword = "", rest = ""] = /^(\S+) ([\s\S]*)$/.exec(line) ?? [];
	if (keyword.toUpperCase() === "FROM") return { keyword: "FROM", body: rest };
	// An ARG before the first FROM is recorded as its line.
	if (!rest.startsWith("{")) return { keyword, body: rest };
	const run = /^(.*) MOUNTS=(.*) NET=(\S+) SEC=(\S+)$/s.exec(rest);
	if (run === null) return { keyword, body: JSON.parse(rest) };
	const mounts = JSON.parse(run[2] ?? "") as readonly { readonly From: string }[];
	const body = JSON.parse(run[1] ?? "") as object;
	return { keyword, body: { ...body, mounts: mounts.map(({ From }) => From), network: run[3], security: run[4] } };
}

function bodyOf(instruction: Instruction): unknown {
	const { node } = instruction;
	switch (instruction.kind) {
		case "from":
			return `${instruction.image} AS ${instruction.as ?? ""} platform=${instruction.platform ?? ""}`;
		case "arg":
			return {
				Args: instruction.args.map((arg) => ({
					Key: arg.key,
					Value: arg.value ?? null,
					DocComment: doc(node, arg.key),
				})),
			};
		case "env":
			return { Env: pairs(node, instruction.vars) };
		case "label":
			return { Labels: pairs(node, instruction.labels) };
		case "run":
			return runBody(instruction);
		case "copy":
		case "add":
			return {
				DestPath: instruction.dest,
				SourcePaths: orNull(instruction.sources),
				SourceContents: orNull(
					instruction.heredocs.map(({ name, content, expand }) => ({ Path: name, Data: content, Expand: expand })),
				),
				Chown: instruction.chown ?? "",
				Chmod: instruction.chmod ?? "",
				Link: instruction.link,
				ExcludePatterns: orNull(instruction.exclude),
				...(instruction.kind === "copy"
					? { From: instruction.from ?? "", Parents: instruction.parents }
					: {
							KeepGitDir: flagOrNull(node, "--keep-git-dir", instruction.keepGitDir),
							Checksum: instruction.checksum ?? "",
							Unpack: instruction.unpack ?? null,
						}),
			};
		case "workdir":
			return { Path: instruction.path };
		case "user":
			return { User: instruction.user };
		case "shell":
			return { Shell: instruction.argv };
		case "expose":
			return { Ports: instruction.ports };
		case "volume":
			return { Volumes: instruction.paths };
		case "cmd":
		case "entrypoint":
			return commandBody(instruction.command, node, []);
		case "healthcheck":
			return { Health: healthBody(instruction.check) };
		case "stopsignal":
			return { Signal: instruction.signal };
		case "onbuild":
			return { Expression: instruction.trigger };
		case "maintainer":
			return { Maintainer: instruction.name };
	}
}

function runBody(run: RunInstruction): unknown {
	const used = new Set(run.node.flags.map((flag) => /^--([^=]*)/.exec(flag)?.[1] ?? ""));
	return {
		...commandBody(run.command, run.node, run.heredocs),
		FlagsUsed: [...used].sort(),
		mounts: run.mounts.map(({ from = "" }) => from),
		network: run.network,
		security: run.security,
	};
}

function commandBody(command: CommandForm, node: InstructionNode, heredocs: readonly Heredoc[]): object {
	const shell = node.args.length === 0 ? [] : [command.form === "shell" ? command.script : ""];
	const files = heredocs.map(({ name, raw, content, chomp }) => ({ Name: name, Data: raw ?? content, Chomp: chomp }));
	return {
		CmdLine: command.form === "exec" ? command.argv : shell,
		Files: orNull(files),
		PrependShell: command.form === "shell",
	};
}

function healthBody(check: Healthcheck): object {
	if (check.kind === "none") return { Test: ["NONE"] };
	const { command } = check;
	return {
		Test: command.form === "exec" ? ["CMD", ...command.argv] : ["CMD-SHELL", command.script],
		...(check.interval === undefined ? {} : { Interval: check.interval }),
		...(check.timeout === undefined ? {} : { Timeout: check.timeout }),
		...(check.startPeriod === undefined ? {} : { StartPeriod: check.startPeriod }),
		...(check.startInterval === undefined ? {} : { StartInterval: check.startInterval }),
		...(check.retries === undefined ? {} : { Retries: check.retries }),
	};
}

function pairs(node: InstructionNode, values: readonly KeyValue[]): object[] {
	return values.map(({ key, value }) => ({ Key: key, Value: value, NoDelim: isLegacyForm(node) }));
}

/** `# NAME description` above an ARG. */
function doc(node: InstructionNode, name: string): string {
	const comment = node.comments.find((line) => line.startsWith(`${name} `));
	return comment?.slice(name.length + 1) ?? "";
}

function flagOrNull(node: InstructionNode, flag: string, value: boolean): boolean | null {
	return node.flags.some((written) => written.startsWith(flag)) ? value : null;
}

function orNull<Value>(list: readonly Value[]): readonly Value[] | null {
	return list.length === 0 ? null : list;
}
