import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findRoles } from "../../../src/ansible/find.ts";
import { tempDir } from "../system/child.ts";

let folder: string;

beforeEach(async () => {
	folder = await tempDir();
	vi.stubEnv("HOME", join(folder, "home"));
	vi.stubEnv("ANSIBLE_ROLES_PATH", `${join(folder, "path")}:relative`);
});
afterEach(() => vi.unstubAllEnvs());

async function write(files: Readonly<Record<string, string>>): Promise<void> {
	for (const [name, content] of Object.entries(files)) {
		const file = join(folder, name);
		await mkdir(dirname(file), { recursive: true });
		await writeFile(file, content);
	}
}

const find = (...names: string[]) => findRoles(names, [join(folder, "own/Nodefile"), join(folder, "child/Nodefile")]);
const digest = async (...names: string[]) => (await find(...names)).digest;

describe("a role", () => {
	test("is looked for beside the Nodefiles, in ANSIBLE_ROLES_PATH, and where Ansible looks", async () => {
		const places = ["home/.ansible/roles/x", "path/x", "child/roles/x", "own/roles/x"];
		for (const place of places) {
			await write({ [`${place}/tasks/main.yml`]: `# ${place}` });
			expect(await digest("x")).toBe(await digest(join(folder, place)));
		}
		expect(await digest("x")).not.toBe(await digest(join(folder, "path/x")));
		expect((await find("x")).folders).toEqual([
			...["own/roles", "child/roles", "path", "home/.ansible/roles"].map((name) => join(folder, name)),
			"/usr/share/ansible/roles",
			"/etc/ansible/roles",
		]);
	});

	test("that is nowhere is refused with the folders, or the one that was meant", async () => {
		await write({ "own/roles/hardening/tasks/main.yml": "[]", "own/roles/file": "" });
		await expect(find("hardning")).rejects.toMatchObject({
			code: "CONTEXT_INVALID",
			message: expect.stringContaining("the Ansible role hardning to be in one of the folders"),
			details: expect.arrayContaining([join(folder, "own/roles")]),
			hint: "did you mean hardening?",
		});
		await expect(find("file")).rejects.toMatchObject({ code: "CONTEXT_INVALID" });
		await expect(find("/nowhere/role")).rejects.toMatchObject({
			message: "expected the Ansible role /nowhere/role to be a folder of this host, got none",
		});
	});
});

describe("a folder that is no role", () => {
	test("is refused, with the roles that are in it", async () => {
		await write({ "own/roles/docs/README.md": "", "srv/audit/tasks/main.yml": "[]", "srv/base/meta/main.yml": "{}" });
		await expect(find("docs")).rejects.toMatchObject({
			code: "CONTEXT_INVALID",
			message: `expected the Ansible role docs to have tasks/ or another of a role's folders, got ${join(folder, "own/roles/docs")} without any`,
			hint: "name the folder that has the role's tasks/main.yml in it",
		});
		await expect(find(join(folder, "srv"))).rejects.toMatchObject({
			hint: `name the roles that are in it: ${join(folder, "srv/audit")} ${join(folder, "srv/base")}`,
		});
		expect(await digest(join(folder, "srv/base"))).toMatch(/^sha256:/);
	});
});

describe("the digest", () => {
	beforeEach(() => write({ "own/roles/x/tasks/main.yml": "[]", "own/roles/x/files/a": "1" }));

	test.each<[string, () => Promise<unknown>]>([
		["content", () => write({ "own/roles/x/files/a": "2" })],
		["name", () => write({ "own/roles/x/files/b": "1" })],
		["mode", async () => (await import("node:fs/promises")).chmod(join(folder, "own/roles/x/files/a"), 0o755)],
		["link", () => symlink("a", join(folder, "own/roles/x/files/link"))],
		["folder", () => mkdir(join(folder, "own/roles/x/files/empty"))],
	])("changes with a %s", async (_what, change) => {
		const before = await digest("x");
		expect(await digest("x")).toBe(before);
		await change();
		expect(await digest("x")).not.toBe(before);
	});

	test("changes with what a link leads to outside of the role", async () => {
		await write({ "shared/file": "1", "tree/file": "1" });
		await symlink(join(folder, "shared/file"), join(folder, "own/roles/x/files/one"));
		await symlink("../../../../tree", join(folder, "own/roles/x/files/two"));
		await symlink(join(folder, "own/roles/x"), join(folder, "tree/back"));
		const seen = [await digest("x")];
		await write({ "shared/file": "2" });
		seen.push(await digest("x"));
		await write({ "tree/file": "2" });
		seen.push(await digest("x"));
		expect(new Set(seen).size).toBe(3);
	});

	test("does not change with where the role lies, nor with what git and Python leave in it", async () => {
		const before = await digest("x");
		await write({ "own/roles/x/.git/index": "1", "own/roles/x/library/__pycache__/m.pyc": "1" });
		await mkdir(join(folder, "path/x/tasks"), { recursive: true });
		await write({ "path/x/tasks/main.yml": "[]", "path/x/files/a": "1", "path/x/library/__pycache__/m.pyc": "2" });
		expect(await digest("x")).not.toBe(before);
		await write({ "own/roles/y/tasks/main.yml": "[]", "path/y/tasks/main.yml": "[]", "path/y/.git/HEAD": "1" });
		expect(await digest(join(folder, "path/y"))).toBe(await digest(join(folder, "own/roles/y")));
	});

	test("changes with a role that the role depends on, however it is named, and with those that one depends on", async () => {
		await write({
			"own/roles/x/meta/main.yml":
				"dependencies:\n- one\n- role: two\n- {name: three, when: true}\n- {src: 'https://x'}\n",
			"own/roles/one/meta/main.yml": "dependencies: [deep, x]\n",
			"own/roles/two/a": "1",
			"path/three/a": "1",
			"home/.ansible/roles/deep/a": "1",
		});
		const seen = [await digest("x")];
		for (const name of ["own/roles/one/a", "own/roles/two/a", "path/three/a", "home/.ansible/roles/deep/a"]) {
			await write({ [name]: "2" });
			seen.push(await digest("x"));
		}
		expect(new Set(seen).size).toBe(5);
		await write({ "own/roles/x/meta/main.yml": "dependencies: [: {" });
		expect(await digest("x")).toMatch(/^sha256:/);
	});
});
