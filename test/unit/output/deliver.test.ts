import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkDestination } from "../../../src/output/deliver.ts";
import { tempDir } from "../system/child.ts";

test("a place that no file can be written to is told before a build, which promises no image", async () => {
	const folder = await tempDir();
	await symlink("circle", join(folder, "circle"));
	const checking = checkDestination(join(folder, "circle", "web.qcow2"));
	await expect(checking).rejects.toMatchObject({
		code: "OUTPUT_FAILED",
		message: expect.stringContaining("ELOOP"),
		hint: "name a file in a folder that you may write to; nothing was written",
	});
	await checkDestination(join(folder, "new", "folder", "web.qcow2"));
});
