import { expect, test } from "vitest";
import { parse, parseDocument } from "yaml";
import { ansibleEnvironment, inventory, knownHosts, play, variables } from "../../../src/ansible/files.ts";

const FOLDER = { path: "/run/nb", remote: "/var/tmp/ansible-1" };
const ADDRESS = { host: "127.0.0.1", port: 40022, hostKey: "ssh-ed25519 AAAAC3 nodebuild-host" };

test("ssh takes one key for one host, and nothing of the user's", () => {
	const { ANSIBLE_SSH_ARGS: ssh } = ansibleEnvironment(FOLDER, []);
	for (const option of ["-F none", "IdentitiesOnly=yes", "IdentityAgent=none", "StrictHostKeyChecking=yes"])
		expect(ssh).toContain(option);
	expect(ssh).toContain("UserKnownHostsFile=/run/nb/known_hosts");
	expect(knownHosts(ADDRESS)).toBe("[127.0.0.1]:40022 ssh-ed25519 AAAAC3\n");
	expect(JSON.parse(inventory(ADDRESS, FOLDER, "/usr/bin/python3")).all.hosts.default).toMatchObject({
		ansible_host: "127.0.0.1",
		ansible_port: 40022,
		ansible_user: "root",
		ansible_python_interpreter: "/usr/bin/python3",
		ansible_ssh_private_key_file: "/run/nb/key",
	});
});

test("ssh's socket has a path that the kernel takes", () => {
	const path = `/run/user/1000/${"x".repeat(60)}`;
	const control = /ControlPath=(\S+)/.exec(ansibleEnvironment({ ...FOLDER, path }, []).ANSIBLE_SSH_ARGS)?.[1] ?? "";
	expect(control.slice(path.length).length + ".0123456789abcdef".length).toBeLessThan(24);
});

test("a play runs the roles in their order, with the environment as it is", () => {
	const text = play(["one", "/srv/my role"], [["GREETING", 'say "{{ hi }}"\n#: x']]);
	const [first] = parse(text, { customTags: [UNSAFE] });
	expect(first).toEqual({
		hosts: "all",
		become: true,
		gather_subset: "{{ (nodebuild_gather_subset | default('all')).split(',') }}",
		environment: { GREETING: 'unsafe say "{{ hi }}"\n#: x' },
		tasks: [
			{ name: "one", include_role: { name: "one" } },
			{ name: "my role", include_role: { name: "/srv/my role" } },
		],
	});
});

test("variables are texts, none of them a template", () => {
	const vars = variables([
		["a", "{{ b }}"],
		["n", "1"],
	]);
	expect(parse(vars, { customTags: [UNSAFE] })).toEqual({ a: "unsafe {{ b }}", n: "unsafe 1" });
	expect(parseDocument(variables([])).toJS()).toEqual({});
});

const UNSAFE = { tag: "!unsafe", resolve: (text: string) => `unsafe ${text}` };
