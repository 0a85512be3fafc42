/**
 * What the commands call, as one interface. modules.ts has the real one, which loads each module when
 * it is first called: `nodebuild --version` and a mistyped option load none.
 */
import type { BaseRow } from "../bases/index.ts";
import type { LintReport } from "../build/lint.ts";
import type { WarmOptions } from "../build/warm.ts";
import type { BuildOptions, BuildResult, MachineOptions, PlanReport, VerifyReport } from "../build/types.ts";
import type { VerifyOptions } from "../build/verify.ts";
import type { RemovedImage } from "../layers/image-store.ts";
import type { PrunePolicy } from "../layers/prune.ts";
import type { PruneReport } from "../layers/survey.ts";
import type { BaseRecord, Image } from "../layers/types.ts";
import type { WrittenFile } from "../layers/written-files.ts";
import type { Publish } from "./parse.ts";

export interface RunOptions extends MachineOptions {
	readonly image: string;
	readonly publish: readonly Publish[];
	readonly publishAll: boolean;
	readonly ssh: boolean;
	readonly console: boolean;
	readonly command?: readonly string[];
}

export interface BaseOptions extends MachineOptions {
	readonly baseMaps: readonly string[];
	readonly platform: string;
	readonly offline: boolean;
}

export interface Backend {
	build(options: BuildOptions): Promise<BuildResult>;
	explain(options: BuildOptions): Promise<PlanReport>;
	lint(options: BuildOptions): Promise<LintReport>;
	/** Exit status of the shell. `step`: number within the target stage, or a part of the instruction's text. */
	shell(options: BuildOptions & { readonly step?: number | string }): Promise<number>;
	run(options: RunOptions): Promise<number>;
	verify(options: VerifyOptions): Promise<VerifyReport>;
	images(home: string): Promise<readonly Image[]>;
	/** @throws NodebuildError IMAGE_NOT_FOUND */
	image(home: string, name: string): Promise<Image & { readonly written: readonly WrittenFile[] }>;
	/** @throws NodebuildError IMAGE_NOT_FOUND, IMAGE_IN_USE */
	remove(home: string, name: string, force: boolean): Promise<RemovedImage>;
	tag(home: string, source: string, target: string): Promise<void>;
	prune(home: string, policy: PrunePolicy): Promise<PruneReport>;
	bases(options: BaseOptions): Promise<readonly BaseRow[]>;
	buildBase(options: BaseOptions & { readonly ref: string }): Promise<BaseRecord>;
	warmBase(options: WarmOptions): Promise<void>;
	/** What this machine has; each row says what to do about a lack. */
	doctor(home: string, signal: AbortSignal): Promise<readonly DoctorRow[]>;
}

export interface DoctorRow {
	readonly name: string;
	/** "poor": it works, worse than it could. "missing": builds fail. */
	readonly state: "good" | "poor" | "missing";
	readonly found: string;
	/** What to do about it. */
	readonly advice?: string;
}
