/** Users and groups, as /etc/passwd and /etc/group have them. */
import * as z from "zod";
import { facts, linesOf, type Probe, resourceKind, sh } from "../kind.ts";

async function rows(file: string, probe: Probe): Promise<readonly (readonly string[])[]> {
	return linesOf((await sh(probe, 'cat -- "$1"', [file])).stdout).map((line) => line.split(":"));
}

export const user = resourceKind({
	parameters: { username: z.string().optional() },
	presence: "exists",
	properties: { exists: "flag", uid: "number", gid: "number", groups: "value", home: "value", shell: "value" },
	async find({ name: key, parameters: { username = key } }, probe) {
		const found = (await rows("/etc/passwd", probe)).find(([name]) => name === username);
		if (found === undefined) return facts({ exists: false }, "there is no such user");
		const [, , uid, gid, , home = "", shell = ""] = found;
		const groups = (await rows("/etc/group", probe))
			.filter(([, , id, members = ""]) => id === gid || members.split(",").includes(username))
			.map(([name = ""]) => name);
		return facts({ exists: true, uid: Number(uid), gid: Number(gid), groups, home, shell });
	},
});

export const group = resourceKind({
	parameters: { groupname: z.string().optional() },
	presence: "exists",
	properties: { exists: "flag", gid: "number" },
	async find({ name: key, parameters: { groupname = key } }, probe) {
		const found = (await rows("/etc/group", probe)).find(([name]) => name === groupname);
		if (found === undefined) return facts({ exists: false }, "there is no such group");
		return facts({ exists: true, gid: Number(found[2]) });
	},
});
