/** Where vendors have their images. Pure. */
import type { BaseEntry, ImageSource } from "../plan/base-map.ts";

/** The address of an image source for an architecture; undefined where the vendor has none. */
export function imageAddress(source: ImageSource, entry: BaseEntry, architecture: string): string | undefined {
	if (architecture !== "amd64" && architecture !== "arm64") return undefined;
	const vendorName = entry.architectures[architecture];
	if (vendorName === undefined) return undefined;
	const url = typeof source.url === "string" ? source.url : source.url[architecture];
	return url?.replaceAll("{arch}", vendorName);
}
