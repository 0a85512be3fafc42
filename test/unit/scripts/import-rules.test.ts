/** Every rule of .dependency-cruiser.cjs, tried with an import that is wrong: a rule that never fires protects nothing. */
import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

interface Violation {
	readonly rule: { readonly name: string };
	readonly from: string;
	readonly to: string;
}

/** Rule, file, what it imports: each import breaks that rule, and is the only thing in its file. */
const WRONG: readonly (readonly [rule: string, file: string, imported: string])[] = [
	["direction-nodefile", "src/nodefile/up.ts", "src/plan/target.ts"],
	["direction-nodefile", "src/nodefile/system.ts", "src/system/target.ts"],
	["direction-instructions", "src/instructions/up.ts", "src/plan/target.ts"],
	["direction-instructions", "src/instructions/system.ts", "src/system/target.ts"],
	["direction-plan", "src/plan/up.ts", "src/layers/target.ts"],
	["direction-plan", "src/plan/system.ts", "src/system/target.ts"],
	["direction-profiles", "src/profiles/up.ts", "src/plan/target.ts"],
	["direction-system", "src/system/up.ts", "src/plan/target.ts"],
	["direction-guest", "src/guest/up.ts", "src/machine/target.ts"],
	["direction-guest", "src/guest/side.ts", "src/layers/target.ts"],
	["direction-layers", "src/layers/up.ts", "src/machine/target.ts"],
	["direction-context", "src/context/side.ts", "src/guest/target.ts"],
	["direction-machine", "src/machine/up.ts", "src/build/target.ts"],
	["direction-machine", "src/machine/side.ts", "src/output/target.ts"],
	["direction-bases", "src/bases/side.ts", "src/machine/target.ts"],
	["direction-net", "src/net/up.ts", "src/layers/target.ts"],
	["direction-remote", "src/remote/side.ts", "src/machine/target.ts"],
	["direction-ansible", "src/ansible/side.ts", "src/machine/target.ts"],
	["direction-image", "src/image/side.ts", "src/machine/target.ts"],
	["direction-output", "src/output/up.ts", "src/build/target.ts"],
	["direction-build", "src/build/up.ts", "src/cli/target.ts"],
	["direction-cli", "src/cli/test.ts", "src/unknown/target.ts"],
	["sibling-providers", "src/machine/qemu/wrong.ts", "src/machine/ssh/target.ts"],
	["sibling-outputs", "src/output/raw.ts", "src/output/qcow2.ts"],
	["sibling-commands", "src/cli/commands/build.ts", "src/cli/commands/images.ts"],
	["common-files-stand-alone", "src/errors.ts", "src/system/target.ts"],
	["common-files-import-types-only", "src/events.ts", "src/plan/types.ts"],
	["pure-folders-have-no-effects", "src/plan/reads.ts", "node:fs"],
	["pure-folders-have-no-effects", "src/nodefile/runs.ts", "node:child_process"],
	["pure-folders-have-no-effects", "src/instructions/talks.ts", "node:net"],
	["pure-folders-have-no-effects", "src/plan/reads-later.ts", "node:fs/promises"],
	["ast-loads-late", "src/nodefile/ast.ts", "node:fs"],
	["pure-folders-hash-through-digest", "src/plan/hashes.ts", "node:crypto"],
	["only-one-knows-dockerfile-ast", "src/nodefile/words.ts", "dockerfile-ast"],
	["only-one-knows-ssh2", "src/guest/exec.ts", "ssh2"],
	["only-one-knows-execa", "src/machine/spawns.ts", "execa"],
	["no-cycles", "src/build/first.ts", "src/build/second.ts"],
	["resolvable", "src/build/lost.ts", "src/build/nowhere.ts"],
];

/** What the rules must allow. */
const RIGHT: readonly (readonly [file: string, imported: string])[] = [
	["src/nodefile/ast.ts", "dockerfile-ast"],
	["src/nodefile/ast.ts", "node:module"],
	["src/guest/ssh.ts", "ssh2"],
	["src/system/process.ts", "execa"],
	["src/digest.ts", "node:crypto"],
	["src/plan/paths.ts", "node:path"],
	["src/plan/down.ts", "src/instructions/target.ts"],
	["src/instructions/down.ts", "src/nodefile/target.ts"],
	["src/layers/effects.ts", "src/system/target.ts"],
	["src/layers/reads.ts", "node:fs"],
	["src/machine/down.ts", "src/guest/target.ts"],
	["src/machine/qemu/own.ts", "src/machine/qemu/target.ts"],
	["src/output/raw-helper.ts", "src/output/shared.ts"],
	["src/build/down.ts", "src/machine/target.ts"],
	["src/cli/down.ts", "src/build/target.ts"],
	["src/nodefile/fails.ts", "src/digest.ts"],
];

const TARGETS = ["unknown", "system", "nodefile", "instructions", "plan", "guest", "layers", "context", "machine"]
	.concat(["machine/qemu", "machine/ssh", "output", "build", "cli", "bases", "image"])
	.map((folder) => `src/${folder}/target.ts`)
	.concat(["src/plan/types.ts", "src/output/qcow2.ts", "src/output/shared.ts", "src/cli/commands/images.ts"]);

let root: string;
let violations: readonly Violation[];

/** A statement that imports a file of src, or a module by its name. */
function importStatement(file: string, imported: string, index: number): string {
	const specifier = imported.startsWith("src/")
		? `${"../".repeat(dirname(file).split("/").length)}${imported}`
		: imported;
	return `export * as used${index} from "${specifier}";\n`;
}

/** Names of the rules that an import breaks. */
function broken(file: string, imported: string): readonly string[] {
	const to = imported.replace(/^node:/, "");
	return violations.filter((one) => one.from === file && one.to.includes(to)).map((one) => one.rule.name);
}

async function put(file: string, content: string): Promise<void> {
	await mkdir(dirname(join(root, file)), { recursive: true });
	await writeFile(join(root, file), content);
}

beforeAll(async () => {
	root = await mkdtemp(join(tmpdir(), "nodebuild-rules-"));
	for (const file of [".dependency-cruiser.cjs", "tsconfig.json", "package.json"]) await cp(file, join(root, file));
	await symlink(resolve("node_modules"), join(root, "node_modules"));
	for (const target of TARGETS) await put(target, "export const value = 1;\n");
	const imports = [...RIGHT, ...WRONG.map(([, file, imported]) => [file, imported] as const)];
	for (const file of new Set(imports.map(([name]) => name))) {
		const statements = imports
			.filter(([name]) => name === file)
			.map(([, to], index) => importStatement(file, to, index));
		await put(file, statements.join(""));
	}
	await put("src/build/second.ts", importStatement("src/build/second.ts", "src/build/first.ts", 0));

	const { stdout } = spawnSync(
		join(root, "node_modules/.bin/depcruise"),
		["--config", ".dependency-cruiser.cjs", "--output-type", "json", "src"],
		{ cwd: root, encoding: "utf8", maxBuffer: 1 << 26 },
	);
	violations = JSON.parse(stdout).summary.violations;
	// However busy the host is: it is one program, which ends.
}, 0);
afterAll(() => rm(root, { recursive: true }));

describe("import rules", () => {
	it.each(WRONG)("%s: %s may not import %s", (rule, file, imported) => {
		expect(broken(file, imported)).toContain(rule);
	});

	it.each(RIGHT)("%s may import %s", (file, imported) => {
		expect(broken(file, imported)).toEqual([]);
	});

	it("are all tried", () => {
		const { forbidden } = createRequire(import.meta.url)(join(root, ".dependency-cruiser.cjs"));
		const tried = new Set(WRONG.map(([rule]) => rule));
		expect(forbidden.map((rule: { name: string }) => rule.name).filter((name: string) => !tried.has(name))).toEqual([]);
	});
});
