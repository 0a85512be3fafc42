import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
	checkExactVersions,
	checkLengths,
	checkLockIsComplete,
	checkLockNamesNoRegistry,
	checkNames,
	checkOwnership,
	checkTestsMirrorSources,
	LONGEST_FILE,
} from "../../../scripts/check-source.mjs";

let root: string;

beforeEach(async () => {
	root = await mkdtemp(join(tmpdir(), "nodebuild-check-"));
});
afterEach(() => rm(root, { recursive: true }));

async function put(path: string, content = ""): Promise<void> {
	await mkdir(dirname(join(root, path)), { recursive: true });
	await writeFile(join(root, path), content);
}

describe("checkNames", () => {
	it("allows kebab case, and data folders as they are", async () => {
		await put("src/plan/base-map.ts");
		await put("test/unit/plan/base-map.test.ts");
		await put("test/unit/plan/golden/Some_Case/Nodefile");
		await put("scripts/qemu10.sh");
		expect(checkNames(root)).toEqual([]);
	});

	it.each(["src/plan/baseMap.ts", "src/Plan/base.ts", "src/plan/base_map.ts", "test/unit/a.spec.ts", "docs/Notes.md"])(
		"refuses %s",
		async (path) => {
			await put(path);
			expect(checkNames(root)).toEqual([expect.stringContaining(path)]);
		},
	);
});

describe("checkLengths", () => {
	it("refuses a file of one line too many", async () => {
		await put("src/short.ts", "x\n".repeat(LONGEST_FILE));
		await put("src/long.ts", "x\n".repeat(LONGEST_FILE + 1));
		expect(checkLengths(root)).toEqual([expect.stringContaining(`src/long.ts: expected at most ${LONGEST_FILE}`)]);
	});
});

describe("checkOwnership", () => {
	it("lets one file call qemu-img, and everyone talk about it", async () => {
		await put("src/layers/qcow2.ts", 'run("qemu-img", []);\n');
		await put("src/cli/doctor.ts", '// "qemu-img" is asked for\nsay("install qemu-img");\n');
		expect(checkOwnership(root)).toEqual([]);
	});

	it("finds a second caller, with its line", async () => {
		await put("src/output/raw.ts", 'import a from "a";\nrun("qemu-img", []);\n');
		expect(checkOwnership(root)).toEqual([expect.stringMatching(/^src\/output\/raw\.ts:2: .*src\/layers\/qcow2\.ts/)]);
	});

	it("finds a mkdir that may never end", async () => {
		await put("src/layers/store.ts", "await mkdir(home, { recursive: true, mode: 0o700 });\n");
		expect(checkOwnership(root)).toEqual([expect.stringContaining("src/layers/store.ts:1")]);
	});

	it("finds a second exit", async () => {
		await put("src/cli/main.ts", "process.exit(1);\n");
		await put("src/build/build.ts", "process.exit(1);\n");
		expect(checkOwnership(root)).toEqual([expect.stringContaining("src/build/build.ts:1")]);
	});
});

describe("checkTestsMirrorSources", () => {
	it("wants a test where its source is", async () => {
		await put("src/plan/keys.ts");
		await put("scripts/tally.mjs");
		await put("test/unit/plan/keys.test.ts");
		await put("test/unit/scripts/tally.test.ts");
		await put("test/unit/plans/keys.test.ts");
		expect(checkTestsMirrorSources(root)).toEqual([expect.stringContaining("test/unit/plans/keys.test.ts")]);
	});
});

describe("checkLockNamesNoRegistry", () => {
	it("finds addresses", async () => {
		await put("package-lock.json", '{\n"integrity": "sha512-x"\n}');
		expect(checkLockNamesNoRegistry(root)).toEqual([]);
		await put("package-lock.json", '{\n"resolved": "https://registry.example/a/-/a-1.0.0.tgz"\n}');
		expect(checkLockNamesNoRegistry(root)).toEqual([expect.stringContaining("package-lock.json:2")]);
	});
});

describe("checkLockIsComplete", () => {
	it("finds a platform's package that is missing, and sees nested ones", async () => {
		const packages = {
			"node_modules/a": { optionalDependencies: { b: "1.0.0", c: "1.0.0", d: "1.0.0" } },
			"node_modules/b": {},
			"node_modules/a/node_modules/c": {},
		};
		await put("package-lock.json", JSON.stringify({ packages }));
		expect(checkLockIsComplete(root)).toEqual([expect.stringContaining("an entry for d,")]);
	});
});

describe("checkExactVersions", () => {
	it("finds ranges", async () => {
		await put("package.json", '{"dependencies":{"a":"1.2.3"},"devDependencies":{"b":"^1.2.3","c":"1.0.0-rc.1"}}');
		expect(checkExactVersions(root)).toEqual([expect.stringContaining("exact version of b")]);
	});
});
