/** What the steps of a stage are carried out with. */
import type { Store } from "../layers/store.ts";
import type { Step } from "../plan/types.ts";
import type { Prepared, RootDisk } from "./prepare.ts";
import type { BuildOptions } from "./types.ts";

export interface StageContext {
	readonly options: BuildOptions;
	readonly store: Store;
	readonly prepared: Prepared;
	readonly root: RootDisk;
	/** Steps that have been told of: a step may be part of several stages' ways, and is told of once. */
	readonly told: Set<Step>;
}
