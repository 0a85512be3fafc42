/** What happens in a build, as data; renderers turn it into text. */
import type { SourceLocation } from "./errors.ts";
import type { Step } from "./plan/types.ts";

export type Stream = "stdout" | "stderr";

export type BuildEvent =
	/** Work outside the steps: "resolve debian:12", "boot the machine", "seal", "write image.qcow2". */
	| { readonly type: "task-start"; readonly id: string; readonly title: string }
	/** `current` and `total` in bytes unless `unit` says otherwise. */
	| {
			readonly type: "task-progress";
			readonly id: string;
			readonly current: number;
			readonly total?: number;
			readonly note?: string;
	  }
	| { readonly type: "task-log"; readonly id: string; readonly line: string }
	| { readonly type: "task-done"; readonly id: string; readonly milliseconds: number; readonly note?: string }
	| { readonly type: "task-failed"; readonly id: string; readonly milliseconds: number; readonly message: string }
	| { readonly type: "step-cached"; readonly step: Step }
	/** A step that changes only the configuration. */
	| { readonly type: "step-config"; readonly step: Step }
	| { readonly type: "step-start"; readonly step: Step }
	/** Raw bytes as they came, not split into lines. */
	| { readonly type: "step-output"; readonly step: Step; readonly stream: Stream; readonly data: Uint8Array }
	| {
			readonly type: "step-done";
			readonly step: Step;
			readonly milliseconds: number;
			readonly freezeMilliseconds: number;
	  }
	| { readonly type: "step-failed"; readonly step: Step; readonly milliseconds: number; readonly message: string }
	| { readonly type: "warning"; readonly message: string; readonly at?: SourceLocation; readonly rule?: string }
	| { readonly type: "info"; readonly message: string };

export type Emit = (event: BuildEvent) => void;
