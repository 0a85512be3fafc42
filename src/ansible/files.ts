/** What ansible-playbook is given: an environment, an inventory and a play. Pure. */
import { basename } from "node:path";
import type { SshAddress } from "../guest/types.ts";
import type { Env } from "../plan/types.ts";

export interface AnsibleFolder {
	/** Private, and short enough for a socket. */
	readonly path: string;
	/** Directory of the guest for what Ansible copies there; removed afterwards. */
	readonly remote: string;
}

export const FILES = {
	config: "ansible.cfg",
	inventory: "inventory.json",
	play: "play.yml",
	vars: "vars.yml",
	userVars: "user-vars.yml",
	key: "key",
	knownHosts: "known_hosts",
	temp: "tmp",
	/** ssh appends 17 bytes to it while it opens the socket. */
	control: "cm",
} as const;

/**
 * The user's own settings of ssh and Ansible have no part in it. One connection for all tasks, and modules sent over it
 * without a file in between: an emulated guest takes long for each of both.
 */
export function ansibleEnvironment({ path, remote }: AnsibleFolder, folders: readonly string[]) {
	const ssh = [
		...["-F none", "-o IdentitiesOnly=yes", "-o IdentityAgent=none", "-o StrictHostKeyChecking=yes"],
		...[`-o UserKnownHostsFile=${path}/${FILES.knownHosts}`, "-o GlobalKnownHostsFile=/dev/null"],
		...["-o ControlMaster=auto", "-o ControlPersist=60", `-o ControlPath=${path}/${FILES.control}`],
	];
	return {
		LC_ALL: "C.UTF-8",
		PYTHONUNBUFFERED: "1",
		PYTHONDONTWRITEBYTECODE: "1",
		ANSIBLE_CONFIG: `${path}/${FILES.config}`,
		ANSIBLE_ROLES_PATH: folders.join(":"),
		ANSIBLE_LOCAL_TEMP: `${path}/${FILES.temp}`,
		ANSIBLE_REMOTE_TEMP: remote,
		ANSIBLE_ASYNC_DIR: `${remote}/async`,
		ANSIBLE_SSH_ARGS: ssh.join(" "),
		ANSIBLE_SSH_RETRIES: "3",
		ANSIBLE_SSH_TRANSFER_METHOD: "piped",
		ANSIBLE_PIPELINING: "True",
		ANSIBLE_TIMEOUT: "60",
		ANSIBLE_NOCOLOR: "True",
		ANSIBLE_NOCOWS: "True",
		ANSIBLE_RETRY_FILES_ENABLED: "False",
	};
}

/** One host, called as image-builder's is. */
export function inventory({ host, port }: SshAddress, { path }: AnsibleFolder, python: string): string {
	const machine = {
		ansible_connection: "ssh",
		ansible_host: host,
		ansible_port: port,
		ansible_user: "root",
		ansible_python_interpreter: python,
		ansible_ssh_private_key_file: `${path}/${FILES.key}`,
	};
	return JSON.stringify({ all: { hosts: { default: machine } } });
}

export function knownHosts({ host, port, hostKey }: SshAddress): string {
	return `[${host}]:${port} ${hostKey.split(" ").slice(0, 2).join(" ")}\n`;
}

/** Facts of all kinds take an emulated guest a minute; who needs few of them may say so in the variables. */
const SUBSET = "{{ (nodebuild_gather_subset | default('all')).split(',') }}";

/** As image-builder's play (images/capi/ansible/node.yml): as root, roles one after the other, with the proxies. */
export function play(roles: readonly string[], env: Env): string {
	const tasks = roles.map((role) => [
		`    - name: ${JSON.stringify(basename(role))}`,
		"      include_role:",
		`        name: ${JSON.stringify(role)}`,
	]);
	return [
		...["- hosts: all", "  become: true", `  gather_subset: "${SUBSET}"`, "  environment:"],
		...env.map((variable) => `    ${literal(variable)}`),
		...["  tasks:", ...tasks.flat(), ""],
	].join("\n");
}

/** Variables with these names and texts. */
export function variables(env: Env): string {
	return env.length === 0 ? "{}\n" : `${env.map(literal).join("\n")}\n`;
}

/** What stands in a build argument is no template. */
function literal([name, value]: Env[number]): string {
	return `${JSON.stringify(name)}: !unsafe ${JSON.stringify(value)}`;
}
