/** The reference build: five steps that every tool is given in its own words. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @typedef {object} Workload
 * @property {string} context folder with app/
 * @property {string} motd what the last step writes
 */

/** Step 1, in a shell as root. */
export const INSTALL = "apt-get update && apt-get install -y --no-install-recommends nginx-light curl jq";
/** Step 3. */
export const CONFIGURE =
	"echo vm.swappiness=10 > /etc/sysctl.d/90-app.conf && echo br_netfilter > /etc/modules-load.d/app.conf";
/** Step 4. */
export const ACCOUNT = "useradd -m app && chown -R app /opt/app";
/** Step 5. @param {string} motd */
export const message = (motd) => `echo "${motd}" > /etc/motd`;

/** Step 2: 2,000 files of 4 KiB and one of 100 MiB. @param {string} folder */
export function writeContext(folder) {
	rmSync(join(folder, "app"), { recursive: true, force: true });
	for (let index = 0; index < 2000; index++) {
		const subfolder = join(folder, "app", `part-${index % 20}`);
		mkdirSync(subfolder, { recursive: true });
		writeFileSync(join(subfolder, `${index}.txt`), String(index).padEnd(4096, "."));
	}
	writeFileSync(join(folder, "app/large.bin"), noise(100 << 20));
}

/** @param {string} folder @param {string} text */
export function touchContext(folder, text) {
	writeFileSync(join(folder, "app/part-0/0.txt"), text.padEnd(4096, "."));
}

/** Bytes that do not compress, the same each time. @param {number} size */
function noise(size) {
	const words = new Uint32Array(size / 4);
	let state = 2463534242;
	for (let index = 0; index < words.length; index++) {
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;
		words[index] = state;
	}
	return Buffer.from(words.buffer);
}
