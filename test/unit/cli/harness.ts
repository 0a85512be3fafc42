/** A command line whose streams are kept as text and whose backend notes what it was asked. */
import type { Backend } from "../../../src/cli/backend.ts";
import type { Io, TextOutput } from "../../../src/cli/io.ts";
import { runCli } from "../../../src/cli/program.ts";
import type { Image } from "../../../src/layers/types.ts";
import { EMPTY_CONFIG, type Step } from "../../../src/plan/types.ts";

export class TextSink implements TextOutput {
	text = "";
	readonly isTTY: boolean;
	columns: number;
	rows = 24;

	constructor(terminal?: { readonly columns: number }) {
		this.isTTY = terminal !== undefined;
		this.columns = terminal?.columns ?? 80;
	}

	write(text: string): void {
		this.text += text;
	}
}

export const IMAGE: Image = {
	version: 1,
	id: `sha256:${"1234567890ab".padEnd(64, "0")}`,
	key: `sha256:${"a".repeat(64)}`,
	layer: `sha256:${"b".repeat(64)}`,
	base: `sha256:${"c".repeat(64)}`,
	baseRef: "debian:12",
	family: "debian",
	architecture: "amd64",
	config: EMPTY_CONFIG,
	created: "2026-01-01T00:00:00.000Z",
	size: 100 * 2 ** 20,
	virtualSize: 10 * 2 ** 30,
	history: ["FROM debian:12", "RUN true"],
	disk: "/store/images/a/disk.qcow2",
	tags: ["web:latest"],
};

export function step(index: number, title: string, stage = 0): Step {
	return {
		stage,
		index,
		count: 4,
		title,
		at: { file: "Nodefile", line: index, column: 1, text: title },
		effects: [],
		key: `sha256:${String(index).repeat(64)}`,
		parent: `sha256:${"f".repeat(64)}`,
		config: EMPTY_CONFIG,
	};
}

export interface Call {
	readonly name: string;
	readonly args: readonly unknown[];
}

/** Answers every call with `answers`' value, or throws what is an error there; notes name and arguments. */
export function recorder(answers: Partial<Backend> = {}): { readonly backend: Backend; readonly calls: Call[] } {
	const calls: Call[] = [];
	const defaults: Backend = {
		build: async () => ({ image: IMAGE, cached: false, outputs: [], milliseconds: 1234 }),
		explain: async () => {
			throw new Error("no plan here");
		},
		lint: async ({ nodefile }) => ({ nodefile, warnings: [] }),
		shell: async () => 0,
		run: async () => 0,
		verify: async ({ image }) => ({ image, passed: true, rows: [] }),
		images: async () => [IMAGE],
		image: async () => ({ ...IMAGE, written: [] }),
		remove: async (_home, name) => ({ untagged: [name], deleted: IMAGE.id, freed: 2 ** 20 }),
		tag: async () => undefined,
		prune: async () => ({ removed: [], freed: 0, dryRun: false }),
		bases: async () => [],
		warmBase: async () => undefined,
		buildBase: async () => {
			throw new Error("no base here");
		},
		doctor: async () => [],
	};
	const backend = Object.fromEntries(
		Object.entries({ ...defaults, ...answers }).map(([name, answer]) => [
			name,
			(...args: unknown[]) => {
				calls.push({ name, args });
				return (answer as (...args: unknown[]) => unknown)(...args);
			},
		]),
	) as unknown as Backend;
	return { backend, calls };
}

export interface Outcome {
	readonly status: number;
	readonly stdout: string;
	readonly stderr: string;
	readonly calls: readonly Call[];
	/** First argument of the first call: the options. */
	readonly options: Readonly<Record<string, unknown>>;
}

export interface Setting {
	readonly cwd?: string;
	readonly env?: Io["env"];
	readonly signal?: AbortSignal;
	readonly answers?: Partial<Backend>;
	/** Instead of one that notes its calls. */
	readonly backend?: Backend;
	readonly terminal?: { readonly columns: number };
}

export async function cli(args: readonly string[], setting: Setting = {}): Promise<Outcome> {
	const stdout = new TextSink();
	const stderr = new TextSink(setting.terminal);
	const { backend, calls } = recorder(setting.answers);
	const io: Io = {
		stdout,
		stderr,
		env: { NODEBUILD_HOME: "/store", ...setting.env },
		cwd: setting.cwd ?? "/",
		signal: setting.signal ?? new AbortController().signal,
		now: () => Date.parse("2026-01-03T00:00:00.000Z"),
	};
	const status = await runCli(args, io, setting.backend ?? backend);
	const [first] = calls;
	return {
		status,
		stdout: stdout.text,
		stderr: stderr.text,
		calls,
		options: (first?.args[0] ?? {}) as Record<string, unknown>,
	};
}
