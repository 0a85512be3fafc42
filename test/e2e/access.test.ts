/** The build's own way into the machine: what steps do to sshd does not reach it, and long commands get through. */
import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { BASE_PREFIX } from "./support/base.ts";
import { type Build, outputOf, tryBuild } from "./support/build.ts";
import { ending } from "./support/command.ts";
import { makeProject } from "./support/project.ts";

const LINES = Array.from(
	{ length: 6000 },
	(_, index) => `: a line that makes the text longer than any argument ${index}`,
);

/** `§` stands for a dollar. */
const NODEFILE = `${BASE_PREFIX}ENV E2E_RUN=${randomUUID()}
RUN : ours; ps -eo comm= | grep -c '^ssh'; ps -eo comm= | grep -c machine-access
RUN : restart; systemctl restart ssh && systemctl is-active ssh
RUN : by name; pkill sshd; echo "status §?"
RUN systemctl restart ssh
RUN ["pkill", "-9", "-f", "sshd"]
RUN : pythons; pkill -9 -x python3; echo "status §?"
RUN : the program; readlink /proc/§PPID/exe
RUN : anew; systemctl reset-failed ssh; systemctl start ssh && systemctl is-active ssh
RUN <<TEXT
echo begun
${LINES.join("\n")}
echo "ended in §0"
TEXT
RUN : cut off; echo kept > /kept; (sleep 1; systemctl reboot) & sleep 3600
RUN : after; cat /kept; ls -d /dev/pipes /run/command-* 2>&1 | grep -v 'cannot access'; true
`.replaceAll("§", "$");

describe("a machine whose steps end sshd", () => {
	let done: Build;
	const said = (title: string): string[] => outputOf(done, title).split("\n").slice(0, -1);

	beforeAll(async () => {
		const { nodefile } = await makeProject(NODEFILE);
		done = await tryBuild(["-f", nodefile]);
		if (done.status !== 0) throw new Error(ending(done));
	});

	it("shows no sshd but the machine's own", () => {
		const [machines = "", ours = ""] = said(": ours;");
		expect({ machines, ours: Number(ours) > 0 }).toEqual({ machines: "1", ours: true });
	});

	it("goes on, whichever way they are ended", () => {
		expect(said(": by name;")).toEqual(["status 0"]);
		expect(done.ran).toContain('RUN ["pkill", "-9", "-f", "sshd"]');
		// 1: there is none of that name.
		expect(said(": pythons;")).toEqual(["status 1"]);
		expect(said(": the program;")).toEqual([expect.stringMatching(/\/machine-access-agent/)]);
	});

	it("has services that restart as anywhere", () => {
		expect(said(": restart;")).toEqual(["active"]);
		expect(said(": anew;")).toEqual(["active"]);
	});

	it("runs a text that no argument can hold, and leaves nothing of it", () => {
		expect(said("RUN <<TEXT")).toEqual(["begun", "ended in /bin/sh"]);
		expect(said(": after;")).toEqual(["kept"]);
	});

	it("warns of a command that a reboot cut off", () => {
		const warnings = done.events.filter(({ type }) => type === "warning").map(({ message }) => message);
		expect(warnings).toEqual([expect.stringContaining("the machine rebooted before the command had ended")]);
	});
});
