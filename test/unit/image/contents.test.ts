import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { contentsScript, readContents } from "../../../src/image/contents.ts";
import { runHere, syntaxErrors } from "../guest/local-guest.ts";
import { tempDir } from "../system/child.ts";

async function contentsOf(files: Readonly<Record<string, string>>, link?: string) {
	const folder = await tempDir();
	await mkdir(join(folder, "kubernetes"));
	for (const [name, text] of Object.entries(files)) await writeFile(join(folder, "kubernetes", name), text);
	if (link !== undefined) await symlink(link, join(folder, "kubernetes/link"));
	const { status, stdout, stderr } = await runHere(["sh", "-s"], { stdin: contentsScript(folder) });
	expect([status, stderr]).toEqual([0, ""]);
	return readContents(stdout);
}

test("the files that say what is in an image are read line by line, as they are", async () => {
	const images = "registry.k8s.io/pause:3.10.1 sha256:aa\nquay.io/a/b:1 sha256:bb\n";
	const { contents, others } = await contentsOf({ images, role: "worker\n", packages: " a=1  b=2 \\n %s\n\nlast" });
	expect(contents).toEqual({
		"kubernetes/images": ["registry.k8s.io/pause:3.10.1 sha256:aa", "quay.io/a/b:1 sha256:bb"],
		"kubernetes/packages": [" a=1  b=2 \\n %s", "", "last"],
		"kubernetes/role": ["worker"],
	});
	expect(others).toEqual([]);
});

test("links, odd names, and more lines than people read are left out; nothing is there without files", async () => {
	const long = Array.from({ length: 3000 }, (_, index) => `${index}\n`).join("");
	const { contents } = await contentsOf({ "a b": "x\n", long }, "/etc/passwd");
	expect(Object.keys(contents)).toEqual(["kubernetes/long"]);
	expect(contents["kubernetes/long"]).toHaveLength(2000);
	expect(await contentsOf({})).toEqual({ contents: {}, others: [] });
	expect(await syntaxErrors(contentsScript())).toBe("");
});

test("what else a script printed stays", () => {
	expect(readContents("logs: /var/log/a\ncontent of kubernetes/role:worker\n\nresidue: /b: c\n")).toEqual({
		contents: { "kubernetes/role": ["worker"] },
		others: ["logs: /var/log/a", "residue: /b: c"],
	});
});
