/** How large the image's disk is to be: as the command line says, else the Nodefile, else its profile. */
import { NodebuildError } from "../errors.ts";
import type { NodefileSettings } from "../nodefile/settings.ts";
import { formatBytes } from "../system/files.ts";
import { DEFAULT_DISK_SIZE } from "./types.ts";

export interface DiskSize {
	/** Bytes; a base that is larger stays as large as it is. */
	readonly bytes: number;
	/** @throws NodebuildError when somebody asked for this size, and the base is larger: a disk cannot shrink. */
	requireRoomFor(base: { readonly ref: string; readonly virtualSize: number }): void;
}

export function diskSizeOf(
	option: number | undefined,
	settings: Pick<NodefileSettings, "diskSize" | "at">,
	profile: number | undefined,
): DiskSize {
	const asked = option ?? settings.diskSize;
	const bytes = asked ?? profile ?? DEFAULT_DISK_SIZE;
	const byOption = option !== undefined;
	const what = byOption ? "--disk-size" : "disk-size";
	return {
		bytes,
		requireRoomFor: ({ ref, virtualSize }) => {
			if (asked === undefined || asked >= virtualSize) return;
			throw new NodebuildError({
				code: byOption ? "USAGE" : "NODEFILE_INVALID",
				message: `expected ${what} to be at least the base's size, ${size(virtualSize)} (${ref}), got ${size(asked)}: a disk cannot be made smaller`,
				hint: `leave ${what} away, or give more; what is not written costs nothing`,
				...(byOption || settings.at === undefined ? {} : { at: settings.at }),
			});
		},
	};
}

/** Sizes that look alike are told to the byte. */
function size(bytes: number): string {
	const text = formatBytes(bytes);
	return bytes % 2 ** 20 === 0 ? text : `${text} (${bytes} bytes)`;
}
