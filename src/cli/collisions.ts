/** What a build writes may be neither what it reads nor written twice: one would be lost without a word. */
import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { NodebuildError } from "../errors.ts";

export interface NamedFile {
	/** As an error calls it: "--iidfile". */
	readonly what: string;
	/** As the user wrote it. */
	readonly path: string;
}

/** @throws NodebuildError USAGE */
export function refuseCollisions(written: readonly NamedFile[], read: readonly NamedFile[], cwd: string): void {
	const taken = new Map(read.map((file) => [placeOf(file.path, cwd), file]));
	for (const file of written) {
		const place = placeOf(file.path, cwd);
		const other = taken.get(place);
		if (other !== undefined) {
			throw new NodebuildError({
				code: "USAGE",
				message: `${file.what} would write ${file.path}, which is also ${other.what}`,
				hint: "nothing was written: give each of them a name of its own",
			});
		}
		taken.set(place, file);
	}
}

/** Symlinks followed, whether or not the file is there. */
function placeOf(path: string, cwd: string): string {
	const whole = resolve(cwd, path);
	try {
		return realpathSync(whole);
	} catch {
		// The file is still to be made.
	}
	try {
		return join(realpathSync(dirname(whole)), basename(whole));
	} catch {
		return whole;
	}
}
