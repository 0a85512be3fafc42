/** Ansible roles on one machine: what they see and do there, what is left of them, and when they are run again. */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { BASE_PREFIX } from "./support/base.ts";
import { build, outputOf, type SuccessfulBuild, tryBuild } from "./support/build.ts";
import { makeProject, type Project } from "./support/project.ts";
import { privateStore } from "./support/store.ts";

const run = promisify(execFile);

const PASSWORD = `s3cret-${randomUUID()}`;

/** The base brings Python, as cloud-init needs it. */
const NODEFILE = `# nodebuild=profile=kubernetes;disk-size=10G
${BASE_PREFIX}ARG KUBERNETES_VERSION
ENV GREETING="{{ not a template }}"
RUN : machine; readlink /proc/self/ns/net /proc/self/ns/mnt
ARG node_custom_roles_post
RUN : left; cat /etc/site.conf /etc/site.handled; stat -c %a /etc/site.conf; \\
    find /etc /root /home /var/tmp -name '*ansible*'; grep -rl nodebuild-ansible /etc /root /home; \\
    ls /tmp | grep -v systemd-private; ps axww -o args | grep -c '[a]nsible-'; true
`;

const ROLES = {
	"roles/site/defaults/main.yml": "size: 7\n",
	"roles/site/meta/main.yml": "dependencies: [{role: common}]\n",
	"roles/site/templates/site.conf.j2":
		"{{ color }} {{ size }} {{ KUBERNETES_VERSION }} {{ ansible_os_family }} {{ common }} {{ inventory_hostname }}\n",
	"roles/site/tasks/main.yml": `- template: {src: site.conf.j2, dest: /etc/site.conf, mode: "0640"}
  notify: handle
- shell: |
    readlink /proc/self/ns/net /proc/self/ns/mnt
    echo "$GREETING"; pwd; ps axww -o args | grep -c 's3c[r]et-'
    touch /tmp/of-the-role
  register: seen
- debug: {msg: "seen: {{ seen.stdout_lines | join('|') }}"}
`,
	"roles/site/handlers/main.yml": "- name: handle\n  shell: echo handled > /etc/site.handled\n",
	"roles/common/tasks/main.yml": "- set_fact: {common: common}\n",
};

let project: Project;
let home: string;
let temp: string;
let done: SuccessfulBuild;

const args = (): string[] => [
	...["-f", project.nodefile, "--live", "always", "--build-arg", "KUBERNETES_VERSION=1.34.1"],
	...["--build-arg", "node_custom_roles_post=site"],
	...["--build-arg", `ansible_user_vars=color='dark blue' password=${PASSWORD} nodebuild_gather_subset='!all'`],
];

const options = () => ({ home, env: { TMPDIR: temp, XDG_RUNTIME_DIR: "", ANSIBLE_STDOUT_CALLBACK: "nonsense" } });

beforeAll(async () => {
	home = await privateStore();
	temp = join(inject("work"), "ansible");
	await mkdir(temp);
	project = await makeProject(NODEFILE, ROLES);
	done = await build(args(), options());
});

const STEP = "ARG node_custom_roles_post=site";

describe("a role", () => {
	it("has its output in the step's, and is run where RUN is, with RUN's environment", () => {
		const machine = outputOf(done, ": machine;").trim().split("\n").join("|");
		const output = outputOf(done, STEP);
		expect(output).toContain(`seen: ${machine}|{{ not a template }}|/root|0"`);
		expect(output).toContain("RUNNING HANDLER [site : handle]");
	});

	it("has the user's variables, the build's arguments, facts, dependencies and handlers, and leaves nothing else", () =>
		expect(outputOf(done, ": left;").trimEnd().split("\n")).toEqual([
			"dark blue 7 1.34.1 Debian common default",
			"handled",
			"640",
			"of-the-role",
			"0",
		]));

	it("leaves nothing on this host: no key, no connection, no variable in the store or the log", async () => {
		expect(await readdir(temp)).toEqual([]);
		expect(done.stderr + done.stdout).not.toContain(PASSWORD);
		const { stdout } = await run("sh", ["-c", `grep -rl --binary-files=text ${PASSWORD} "$1" || true`, "sh", home]);
		expect(stdout).toBe("");
	});
});

it("nothing is run again for the same roles; a changed file of a dependency runs them, and a changed host's Ansible does not", async () => {
	expect((await build(args(), options())).ran).toEqual([]);
	const without = { home, env: { ...options().env, PATH: "/nowhere" } };
	expect((await build(args(), without)).ran).toEqual([]);

	await project.write("roles/common/tasks/main.yml", "- fail: {msg: not today}\n");
	const missing = await tryBuild(args(), without);
	expect(missing).toMatchObject({ status: 7, tasks: [] });
	expect(missing.stderr).toContain("apt-get install ansible-core");
	expect(missing.stderr).toContain("Nodefile:6");

	const failed = await tryBuild(args(), options());
	expect([failed.status, failed.ran]).toEqual([5, [STEP]]);
	expect(failed.stderr).toContain(
		"the Ansible roles site did not complete successfully: ansible-playbook ended with 2",
	);
	expect(outputOf(failed, STEP)).toContain("not today");
	expect(await readdir(temp)).toEqual([]);
});
