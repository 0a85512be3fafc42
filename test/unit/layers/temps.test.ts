import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { openStore } from "../../../src/layers/store.ts";
import { tempBeside } from "../../../src/system/files.ts";
import { currentOwner } from "../../../src/system/owner.ts";
import { tempDir } from "../system/child.ts";

test("prune removes the unfinished small files of dead processes, and leaves those of living ones", async () => {
	const home = await tempDir();
	await using store = await openStore(home);
	const files = ["version", "tags/name/latest.json", "epochs/aa", "contexts/bb.json", "cache/base-files/cc.json"];
	const { start } = currentOwner();
	for (const file of files) {
		const living = tempBeside(join(home, file));
		await mkdir(dirname(living), { recursive: true });
		await writeFile(living, "half");
		await writeFile(living.replace(`.${start}.`, ".1."), "half");
	}
	await store.prune({});
	for (const file of files) {
		const temps = (await readdir(dirname(join(home, file)))).filter((name) => name.endsWith(".tmp"));
		expect(temps, file).toEqual([expect.stringContaining(`.${start}.`)]);
	}
});
