/** The programs of this host that run roles. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { NodebuildError } from "../errors.ts";
import { type Environment, readEnvironment } from "../system/env.ts";

export const PROGRAM = "ansible-playbook";

/** What is missing on this host for roles to be run; undefined when nothing is. */
export function missingTools(
	{ searchPath }: Pick<Environment, "searchPath"> = readEnvironment(),
): NodebuildError | undefined {
	const missing = [PROGRAM, "ssh"].find((tool) => !searchPath.some((folder) => existsSync(join(folder, tool))));
	if (missing === undefined) return undefined;
	return new NodebuildError({
		code: "HOST_TOOL_MISSING",
		message: `Ansible roles are run by this host's ansible: expected the program ${missing}, got none on PATH`,
		hint: [
			"Debian and Ubuntu: apt-get install ansible-core openssh-client",
			"Fedora and RHEL: dnf install ansible-core openssh-clients",
			"elsewhere: pipx install ansible-core",
		].join("\n"),
	});
}
