/** What is installed and what runs: package, service, process. */
import * as z from "zod";
import { facts, linesOf, resourceKind, sh } from "../kind.ts";

/** Versions as goss tells them: of rpm with epoch and release. */
const PACKAGE = `if command -v dpkg-query >/dev/null; then
	dpkg-query -W -f '\${db:Status-Abbrev}\${Version}\\n' -- "$1" 2>/dev/null | sed -n 's/^.i. *//p'
elif command -v rpm >/dev/null; then
	rpm -q --nosignature --nodigest -- "$1" >/dev/null 2>&1 || exit 0
	rpm -q --nosignature --nodigest --qf '%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\n' -- "$1"
elif command -v apk >/dev/null; then
	apk info -e -v "$1" | sed 's/.*-\\([^-]*-r[0-9]*\\)$/\\1/'
else
	exit 3
fi`;

export const packageKind = resourceKind({
	parameters: { name: z.string().optional() },
	presence: "installed",
	properties: { installed: "flag", versions: "value" },
	async find({ name: key, parameters: { name = key } }, probe) {
		const { status, stdout } = await sh(probe, PACKAGE, [name]);
		if (status === 3) return facts({}, "expected dpkg, rpm or apk in the machine, got none of them");
		const versions = linesOf(stdout);
		return facts({ installed: versions.length > 0, versions: versions.length > 0 ? versions : undefined });
	},
});

const SERVICE = `systemctl is-enabled -- "$1" 2>&1; echo $?
systemctl is-active -- "$1" 2>&1; echo $?`;

/** As goss: enabled is what `systemctl is-enabled` ends well for, which static units do too. */
export const service = resourceKind({
	parameters: { name: z.string().optional() },
	properties: { enabled: "flag", running: "flag", runlevels: "value" },
	async find({ name: key, parameters: { name = key } }, probe) {
		const lines = linesOf((await sh(probe, SERVICE, [name])).stdout);
		// Either answer may be a message of several lines; the statuses are the lines that are numbers alone.
		const statuses = lines.filter((line) => /^\d+$/.test(line));
		return facts({ enabled: statuses[0] === "0", running: statuses[1] === "0" }, "systemd has no runlevels");
	},
});

/** Linux keeps so many characters of a program's name. */
const COMM_LENGTH = 15;

export const process = resourceKind({
	parameters: { comm: z.string().optional() },
	properties: { running: "flag" },
	async find({ name, parameters: { comm = name } }, probe) {
		const { stdout } = await sh(probe, "cat /proc/[0-9]*/comm 2>/dev/null", []);
		return facts({ running: linesOf(stdout).includes(comm.slice(0, COMM_LENGTH)) });
	},
});
