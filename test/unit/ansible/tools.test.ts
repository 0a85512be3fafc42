import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { missingTools } from "../../../src/ansible/tools.ts";
import { tempDir } from "../system/child.ts";

test("a host without ansible or ssh is told how to get them", async () => {
	const folder = await tempDir();
	const searchPath = ["/nowhere", folder];
	const program = async (name: string): Promise<void> => {
		await writeFile(join(folder, name), "#!/bin/sh\n");
		await chmod(join(folder, name), 0o755);
	};
	expect(missingTools({ searchPath })).toMatchObject({
		code: "HOST_TOOL_MISSING",
		message: expect.stringContaining("ansible-playbook"),
		hint: expect.stringMatching(/apt-get install ansible-core.*\n.*dnf install ansible-core.*\n.*pipx install/),
	});
	await program("ansible-playbook");
	expect(missingTools({ searchPath })?.message).toContain("the program ssh");
	await program("ssh");
	expect(missingTools({ searchPath })).toBeUndefined();
});
