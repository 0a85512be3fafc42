/** The reference build with buildah: containers, no machine; the lower bound. */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ACCOUNT, CONFIGURE, INSTALL, message } from "../workload.mjs";
import { lacking, run } from "./run.mjs";

const NAME = "localhost/nodebuild-bench";

/** @param {string} folder */
export function buildah(folder) {
	const storage = join(folder, "buildah");
	const own = ["--root", join(storage, "root"), "--runroot", join(storage, "run"), "--storage-driver", "overlay"];
	let salt = "";
	return {
		name: "buildah (containers)",
		lacks: () => lacking("buildah", "mmdebstrap"),
		prepare() {
			mkdirSync(storage, { recursive: true });
			const tar = join(storage, "root.tar");
			run("mmdebstrap", ["--quiet", "--variant=apt", "bookworm", tar]);
			// Folders that the reference build writes to, and systemd would bring.
			const folders = "RUN mkdir -p /etc/sysctl.d /etc/modules-load.d";
			writeFileSync(join(storage, "Dockerfile"), `FROM scratch\nADD root.tar /\n${folders}\n`);
			run("buildah", [...own, "bud", "--isolation", "chroot", "-t", `${NAME}:base`, storage]);
			rmSync(tar);
		},
		/** @param {string} word */
		forget(word) {
			salt = word;
		},
		/** @param {import("../workload.mjs").Workload} workload */
		build({ context, motd }) {
			const file = join(storage, "Dockerfile");
			const steps = [
				`RUN ${INSTALL}`,
				"COPY app /opt/app",
				`RUN ${CONFIGURE}`,
				`RUN ${ACCOUNT}`,
				`RUN ${message(motd)}`,
			];
			writeFileSync(file, `FROM ${NAME}:base\nENV BENCH=${salt}\n${steps.join("\n")}\n`);
			run("buildah", [...own, "bud", "--layers", "--isolation", "chroot", "-t", `${NAME}:built`, "-f", file, context]);
		},
		remove() {
			// The overlay driver mounts its folder on itself, and leaves it so; a failed build, its container too.
			spawnSync("umount", ["-R", "-l", join(storage, "root/overlay")]);
			rmSync(storage, { recursive: true, force: true });
		},
	};
}
