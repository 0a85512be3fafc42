/** How the events of a build are shown. */
import type { Emit } from "../../events.ts";
import type { Io } from "../io.ts";

export interface Renderer {
	readonly emit: Emit;
	/** Say what is still under way, give the terminal back. May be called twice. */
	close(): void;
}

export const PROGRESS_MODES = ["auto", "tty", "plain", "json"] as const;
export type ProgressMode = (typeof PROGRESS_MODES)[number];

/** What "auto" means here, and "tty" where there is no terminal to draw on. */
export function resolveProgress(mode: ProgressMode, io: Pick<Io, "stderr" | "env">): "tty" | "plain" | "json" {
	if (mode === "json" || mode === "plain") return mode;
	const capable = io.stderr.isTTY === true && io.env.TERM !== "dumb" && (io.stderr.columns ?? 0) >= 20;
	return capable ? "tty" : "plain";
}
