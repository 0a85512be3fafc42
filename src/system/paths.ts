/** Short private folders for unix sockets. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { NodebuildError } from "../errors.ts";
import { type Environment, readEnvironment } from "./env.ts";
import { ownedName, ownerGone, ownerOfName } from "./owner.ts";

/** sun_path of unix(7), its terminating NUL counted. */
const SOCKET_PATH_LIMIT = 108;
/** Room kept for a socket's own name: "/qmp.sock" and its like. */
const SOCKET_NAME_ROOM = 24;
const PREFIX = "nb-";

/** Remove what builds that were killed have left in `folder`. */
async function sweep(folder: string): Promise<void> {
	for (const name of await readdir(folder).catch(() => [])) {
		const owner = name.startsWith(PREFIX) ? ownerOfName(name) : undefined;
		if (owner === undefined || !ownerGone(owner)) continue;
		// Another user's leftover in a shared /tmp is theirs to remove.
		await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
	}
}

/**
 * Make a private (0700) folder whose path leaves room for socket names of up to 23 bytes within
 * the 108 bytes of unix(7): in XDG_RUNTIME_DIR, else TMPDIR, else /tmp, the first that is short
 * enough and writable. The caller removes it; what a killed process left is removed by the next call.
 * @throws NodebuildError MACHINE_START when none of them will do.
 */
export async function socketDir(environment: Environment = readEnvironment()): Promise<string> {
	const name = `${PREFIX}${ownedName()}`;
	const candidates = [environment.runtimeDir, environment.tempDir, "/tmp"].filter((one) => one !== undefined);
	let cause: unknown;
	for (const folder of candidates) {
		const path = join(folder, name);
		if (Buffer.byteLength(path) + SOCKET_NAME_ROOM >= SOCKET_PATH_LIMIT) continue;
		try {
			await mkdir(path, { mode: 0o700 });
			await sweep(folder);
			return path;
		} catch (error) {
			cause = error;
		}
	}
	throw new NodebuildError({
		code: "MACHINE_START",
		message: `expected a writable folder with a short path for sockets, got none of ${candidates.join(", ")}`,
		hint: "set TMPDIR to a writable folder with a path shorter than 30 characters",
		cause,
	});
}
