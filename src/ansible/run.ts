/** Ansible roles, run by this host's ansible-playbook on a machine. */
import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NodebuildError } from "../errors.ts";
import type { Stream } from "../events.ts";
import { generateKeyPair } from "../guest/ssh.ts";
import type { Guest, SshAddress } from "../guest/types.ts";
import type { Env } from "../plan/types.ts";
import { readEnvironment } from "../system/env.ts";
import { socketDir } from "../system/paths.ts";
import { run, runGroup } from "../system/process.ts";
import { type AnsibleFolder, ansibleEnvironment, FILES, inventory, knownHosts, play, variables } from "./files.ts";
import { withKey } from "./lease.ts";
import { PROGRAM } from "./tools.ts";

export interface RolesRequest {
	readonly guest: Guest;
	readonly address: SshAddress;
	/** By name, or absolute paths. */
	readonly roles: readonly string[];
	/** Where names are looked for: Ansible finds what was digested. */
	readonly folders: readonly string[];
	/** Environment of what they do. */
	readonly env: Env;
	/** Variables for them; those of `userVars`, YAML or JSON, before these. */
	readonly vars: Env;
	readonly userVars: string;
	readonly signal: AbortSignal;
	readonly onOutput: (stream: Stream, data: Uint8Array) => void;
}

/** Resolves with the exit status of ansible-playbook. @throws NodebuildError STEP_FAILED without Python, MACHINE_LOST. */
export async function runRoles(request: RolesRequest): Promise<number> {
	const { guest, signal } = request;
	const python = await findPython(guest);
	const remote = `/var/tmp/ansible-${randomBytes(6).toString("hex")}`;
	const folder: AnsibleFolder = { path: await socketDir(), remote };
	try {
		const { private: key, public: publicKey } = generateKeyPair("nodebuild-ansible");
		await fill(folder, key, python, request);
		const status = await withKey(guest, publicKey, signal, (either) => playbook(folder, request, either));
		await guest.script(`rm -rf ${remote}\n`);
		return status;
	} finally {
		await rm(folder.path, { recursive: true, force: true });
	}
}

async function playbook(folder: AnsibleFolder, request: RolesRequest, signal: AbortSignal): Promise<number> {
	const { passed } = readEnvironment().ansible;
	const { path } = folder;
	const vars = [FILES.vars, ...(request.userVars === "" ? [] : [FILES.userVars])];
	const args = ["-i", FILES.inventory, ...vars.flatMap((file) => ["--extra-vars", `@${file}`]), FILES.play];
	const env = { ...passed, ...ansibleEnvironment(folder, request.folders) };
	try {
		return await runGroup(PROGRAM, args, { cwd: path, env, signal, onOutput: request.onOutput });
	} finally {
		// The connection that its tasks shared outlives it.
		await run("ssh", ["-F", "none", "-O", "exit", "-o", `ControlPath=${path}/${FILES.control}`, "default"]);
	}
}

async function fill(folder: AnsibleFolder, key: string, python: string, request: RolesRequest): Promise<void> {
	const { address, roles, env, vars, userVars } = request;
	const { path } = folder;
	await mkdir(join(path, FILES.temp), { mode: 0o700 });
	const write = (name: string, text: string): Promise<void> => writeFile(join(path, name), text, { mode: 0o600 });
	await write(FILES.config, "[defaults]\n");
	await write(FILES.inventory, inventory(address, folder, python));
	await write(FILES.knownHosts, knownHosts(address));
	await write(FILES.key, key.endsWith("\n") ? key : `${key}\n`);
	await write(FILES.play, play(roles, env));
	await write(FILES.vars, variables(vars));
	await write(FILES.userVars, userVars);
}

/** Ansible's own search takes two more logins. */
const FIND_PYTHON = `for python in /usr/bin/python3 /usr/libexec/platform-python; do
	[ ! -x $python ] || { echo $python; exit; }
done
command -v python3 || true
`;

async function findPython(guest: Guest): Promise<string> {
	const python = (await guest.script(FIND_PYTHON)).trim();
	if (python !== "") return python;
	throw new NodebuildError({
		code: "STEP_FAILED",
		message: "Ansible needs Python in the machine: expected python3, got none",
		hint: "install it in a step before: RUN apt-get update && apt-get install -y python3, or RUN dnf install -y python3",
	});
}
