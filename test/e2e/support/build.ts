/** Builds whose progress is read as data (`--progress json`). */
import { type CommandOptions, ending, nodebuild, type Outcome } from "./command.ts";

/** docs/cli.md, "JSON progress". */
export interface ProgressEvent {
	readonly time: string;
	readonly type: string;
	readonly id?: string;
	readonly title?: string;
	readonly message?: string;
	readonly rule?: string;
	readonly stream?: "stdout" | "stderr";
	readonly text?: string;
	readonly milliseconds?: number;
	readonly step?: {
		readonly stage: number;
		readonly index: number;
		readonly count: number;
		readonly title: string;
		readonly key: string;
		readonly file: string;
		readonly line: number;
	};
}

export interface BuildReport {
	readonly image: {
		readonly id: string;
		readonly key: string;
		readonly tags: readonly string[];
		readonly size: number;
		readonly virtualSize: number;
	};
	readonly cached: boolean;
	readonly milliseconds: number;
	readonly outputs: readonly { readonly path: string; readonly size: number; readonly sha256: string }[];
	readonly verification?: {
		readonly passed: boolean;
		readonly rows: readonly {
			readonly name: string;
			readonly suite?: string;
			readonly passed: boolean;
			readonly skipped?: boolean;
			readonly detail: string;
		}[];
	};
}

export interface Build extends Outcome {
	readonly events: readonly ProgressEvent[];
	/** Titles of the steps that were run. */
	readonly ran: readonly string[];
	/** Titles of the steps that a layer was there for. */
	readonly cached: readonly string[];
	/** Titles of the work outside the steps, boots among them. */
	readonly tasks: readonly string[];
}

export interface SuccessfulBuild extends Build {
	readonly result: BuildReport;
}

/** `nodebuild build --progress json ARGS...`, to its end. */
export async function tryBuild(args: readonly string[], options: CommandOptions = {}): Promise<Build> {
	const outcome = await nodebuild(["build", "--progress", "json", ...args], options);
	const events = readEvents(outcome.stderr);
	const titles = (type: string): string[] =>
		events.filter((event) => event.type === type).map(({ step, title }) => step?.title ?? title ?? "");
	return {
		...outcome,
		events,
		ran: titles("step-start"),
		cached: titles("step-cached"),
		tasks: titles("task-start"),
	};
}

/** The same, expecting it to succeed. @throws Error with all it said */
export async function build(args: readonly string[], options: CommandOptions = {}): Promise<SuccessfulBuild> {
	const done = await tryBuild(args, options);
	if (done.status !== 0) throw new Error(`expected the build ${args.join(" ")} to succeed, got ${ending(done)}`);
	return { ...done, result: JSON.parse(done.stdout) };
}

/** The lines of standard error that are events. */
export function readEvents(stderr: string): ProgressEvent[] {
	return stderr
		.split("\n")
		.filter((line) => line.startsWith("{"))
		.map((line) => JSON.parse(line));
}

/** What a step wrote to a stream, put together. `title`: a part of the step's title. */
export function outputOf(done: Build, title: string, stream: "stdout" | "stderr" = "stdout"): string {
	const begun = done.events.find((event) => event.type === "step-start" && event.step?.title.includes(title))?.step;
	return done.events
		.filter(
			(event) =>
				event.type === "step-output" &&
				event.stream === stream &&
				event.step?.index === begun?.index &&
				event.step?.stage === begun?.stage,
		)
		.map((event) => event.text ?? "")
		.join("");
}

/** Did this build boot a machine? */
export function booted(done: Build): boolean {
	return done.tasks.some((title) => title.startsWith("boot "));
}
