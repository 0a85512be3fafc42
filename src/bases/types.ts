/** FROM -> base. */

import type { BuildEvent } from "../events.ts";
import type { BaseRecord } from "../layers/types.ts";
import type { ImageConfig } from "../plan/types.ts";

export interface Base extends BaseRecord {
	/** Absolute path of the base's qcow2 in the store. */
	readonly disk: string;
	/** Configuration carried by an image of ours; undefined for a foreign base. */
	readonly config?: ImageConfig;
}

export type BaseEvent = Extract<BuildEvent, { type: `task-${string}` | "warning" | "info" }>;

/** BaseRecord.source of a base that was built from packages. */
export const BOOTSTRAP = "bootstrap";
