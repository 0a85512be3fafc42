/** Digests of whole files. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** Both digests of a file in one pass. */
export async function digestFile(
	file: string,
	algorithms: readonly ("sha256" | "sha512")[],
	signal?: AbortSignal,
): Promise<Readonly<Record<"sha256" | "sha512", string>>> {
	const hashes = { sha256: createHash("sha256"), sha512: createHash("sha512") };
	const wanted = new Set(algorithms);
	for await (const chunk of createReadStream(file, {
		highWaterMark: 1 << 20,
		...(signal === undefined ? {} : { signal }),
	})) {
		for (const algorithm of wanted) hashes[algorithm].update(chunk);
	}
	return { sha256: hashes.sha256.digest("hex"), sha512: hashes.sha512.digest("hex") };
}
