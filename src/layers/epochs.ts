/**
 * Epochs: what --no-cache does to later builds. A build without cache starts a new epoch for all
 * builds that begin with the same first step; their keys are made anew, so later builds use its
 * layers, while images that stand on the old layers stay whole.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Digest, hexOf } from "../digest.ts";
import { makeFolder, readText, writeFileAtomic } from "../system/files.ts";

export interface Epochs {
	/** The current epoch of a first step, undefined when there never was a new one; `renew` starts one. */
	of(firstStep: Digest, renew: boolean): Promise<string | undefined>;
}

export function createEpochs(home: string): Epochs {
	const folder = join(home, "epochs");
	const of = async (firstStep: Digest, renew: boolean): Promise<string | undefined> => {
		const file = join(folder, hexOf(firstStep));
		if (!renew) return readText(file);
		const epoch = randomBytes(16).toString("hex");
		await makeFolder(folder, 0o700);
		await writeFileAtomic(file, epoch);
		return epoch;
	};
	return { of };
}
