// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Nodefiles are what is tested here
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { lintNodefile, parseNodefile } from "../../../src/instructions/index.ts";
import { parseText } from "../../../src/nodefile/index.ts";
import { refusal } from "./support.ts";

function lint(text: string) {
	const source = parseText(text, "Nodefile");
	return lintNodefile(parseNodefile(source), source);
}

/** "rule line:column", columns 1-based. */
function found(text: string): string[] {
	return lint(text).warnings.map(({ rule, range }) => `${rule} ${range.startLine}:${range.startColumn + 1}`);
}

test.each([
	["FROM a AS Build", ["StageNameCasing 1:11"]],
	["FROM a as b\nFROM c AS d", ["FromAsCasing 1:8"]],
	["from a AS b", ["FromAsCasing 1:8"]],
	["From a as b", ["ConsistentInstructionCasing 1:1"]],
	["FROM a AS scratch", ["ReservedStageName 1:11"]],
	["FROM a AS b\nFROM c AS B", ["DuplicateStageName 2:11", "StageNameCasing 2:11"]],
	["FROM a:$V", ["UndefinedArgInFrom 1:9"]],
	["ARG V\nFROM a:$V", ["InvalidDefaultArgInFrom 2:6"]],
	["ARG V=1\nFROM a:$V\nFROM --platform=$BUILDPLATFORM b", []],
	["FROM --platform=$TARGETPLATFORM a", ["RedundantTargetPlatform 1:17"]],
	["FROM --platform=linux/arm64 a", ["FromPlatformFlagConstDisallowed 1:17"]],
	["FROM --platform=linux/arm64 a AS build-arm64", []],
	["FROM a\nrun b\nUSER c", ["ConsistentInstructionCasing 2:1"]],
	["from a\nRun b\nuser c", ["ConsistentInstructionCasing 2:1"]],
	["FROM a\nMAINTAINER b", ["MaintainerDeprecated 2:1"]],
	["FROM a\nCMD b", ["JSONArgsRecommended 2:1"]],
	['FROM a\nSHELL ["b"]\nCMD c', []],
	['FROM a\nCMD ["b"]\nCMD ["c"]', ["MultipleInstructionsDisallowed 2:1"]],
	["FROM a\nENV A b", ["LegacyKeyValueFormat 2:1"]],
	["FROM a\nWORKDIR b", ["WorkdirRelativePath 2:9"]],
	["FROM a AS x\nWORKDIR /b\nWORKDIR c\nFROM x\nWORKDIR d", []],
	["FROM a\nARG API_KEY PUBLIC_KEY MONKEY", ["SecretsUsedInArgOrEnv 2:5"]],
	["FROM a\nENV token=x", ["SecretsUsedInArgOrEnv 2:5"]],
	["FROM a\nENV TOKEN_FILE=x AUTH_VERSION=1 PUBLIC_KEY=y", []],
	["FROM a\nEXPOSE 80/TCP 1:2 $P", ["ExposeProtoCasing 2:8", "ExposeInvalidFormat 2:15"]],
	["FROM a\nRUN b \\\n\n c", ["NoEmptyContinuation 3:1"]],
])("%j", (text, expected) => {
	expect(found(text).sort()).toEqual([...expected].sort());
});

describe("# check=", () => {
	const warned = "FROM a\nMAINTAINER b\nENV A b\n";

	test("skips rules by name, or all", () => {
		expect(found(`# check=skip=MaintainerDeprecated, Other\n${warned}`)).toEqual(["LegacyKeyValueFormat 4:1"]);
		expect(found(`# check=skip=all;error=true\n${warned}`)).toEqual([]);
	});

	test("asks for experimental rules by name, or all", () => {
		const text = "FROM a\n# The port\nARG PORT\n# PORT of the server\nARG PORT\n# base\n\nARG X\n# all\nARG A B\n";
		const rule = "InvalidDefinitionDescription";
		expect(found(text)).toEqual([]);
		expect(found(`# check=experimental=${rule}\n${text}`)).toEqual([`${rule} 4:1`, `${rule} 11:1`]);
		expect(found("# check=experimental=all\n# builds\nFROM a AS b")).toEqual([`${rule} 3:1`]);
		expect(found("# check=experimental=all\n# b builds\nFROM a AS b")).toEqual([]);
	});

	test("makes errors of warnings, if there are any", () => {
		expect(lint(`# check=error=true\n${warned}`).failed).toBe(true);
		expect(lint(warned).failed).toBe(false);
		expect(lint("# check=error=true\nFROM a").failed).toBe(false);
	});

	test.each(["skip", "error=ja", "ignore=x"])("%s is refused at its line", (option) => {
		const error = refusal(() => lint(`# syntax=x\n# check=${option}\nFROM a`));
		expect(error.message).toBe(`invalid check option "${option}"`);
		expect(error.at?.line).toBe(2);
	});
});

test("docs/lint.md has every rule", () => {
	const folder = "src/instructions/lint";
	const files = [
		...readdirSync(folder).map((name) => `${folder}/${name}`),
		"src/nodefile/parse.ts",
		"src/plan/expand.ts",
	];
	const source = [...files, "src/build/lint.ts"].map((file) => readFileSync(file, "utf8")).join("");
	const rules = [...source.matchAll(/"([A-Z][a-z]\w+[a-z][A-Z]\w+|JSONArgsRecommended)"/g)].map(([, name]) => name);
	const documented = [...readFileSync("docs/lint.md", "utf8").matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
	expect(documented.length).toBeGreaterThan(20);
	expect(documented.toSorted()).toEqual([...new Set(rules)].sort());
});
