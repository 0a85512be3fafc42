/** A renderer for a mode of progress. */
import { type Io, wantsColor } from "../io.ts";
import { type ProgressMode, type Renderer, resolveProgress } from "./renderer.ts";

/** The renderer is loaded when it is needed; `quiet` shows nothing at all. */
export async function createRenderer(mode: ProgressMode | "quiet", io: Io): Promise<Renderer> {
	if (mode === "quiet") return { emit: () => undefined, close: () => undefined };
	switch (resolveProgress(mode, io)) {
		case "plain":
			return new (await import("./plain.ts")).PlainRenderer(io.stderr, io.now);
		case "json":
			return new (await import("./json.ts")).JsonRenderer(io.stderr, io.now);
		case "tty": {
			const { TtyRenderer } = await import("./tty.ts");
			return new TtyRenderer(io.stderr, io.now, wantsColor(io.stderr, io.env));
		}
	}
}
