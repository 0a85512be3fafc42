/** Errors of meaning stand at the words at fault. */
import { describe, expect, it } from "vitest";
import { NodebuildError, partOf } from "../../../src/errors.ts";
import { planText } from "./support.ts";

/** What is underlined, with its line. */
async function underlined(text: string): Promise<string> {
	const error = await planText(text).then(
		() => new Error("it should have failed"),
		(thrown: unknown) => thrown,
	);
	if (!(error instanceof NodebuildError) || error.at === undefined) throw error;
	const { line, column, length, text: shown } = error.at;
	return `${line}: ${shown.slice(column - 1, column - 1 + (length ?? 1))}`;
}

describe("what is underlined", () => {
	it.each([
		["FROM unknown:1 AS unknown", "1: unknown:1"],
		["FROM --platform=linux/amd64 unknown:1", "1: unknown:1"],
		["FROM --platform=amiga debian:12", "1: amiga"],
		["ARG A\nFROM $A", "2: $A"],
		["FROM debian:12 AS b\nFROM B", "2: B"],
		["FROM debian:12\nEXPOSE 80 8080/tpc 81", "2: 8080/tpc"],
		["FROM debian:12\nEXPOSE 8080 80 \\\n  80-79", "3: 80-79"],
		["FROM debian:12\nSTOPSIGNAL SIGQUTI", "2: SIGQUTI"],
		["FROM debian:12\nARG X=SIGQUTI\nSTOPSIGNAL $X", "3: $X"],
		["FROM debian:12\nRUN --mount=type=bnd,target=/x true", "2: bnd"],
		["FROM debian:12\nRUN --mount=type=bind,trget=/x \\\n  true", "2: trget=/x"],
		["FROM debian:12\nRUN \\\n  --mount=type=cache,target=/ true", "3: target=/"],
		["FROM debian:12\nRUN --mount=type=tmpfs,size=big,target=/x true", "2: big"],
		["FROM debian:12\nCOPY --chmod=999 a b", "2: --chmod=999"],
		["FROM debian:12\nCOPY --from=7 a b", "2: --from=7"],
		["FROM debian:12\nCOPY --from=$X a b", "2: --from=$X"],
		["FROM debian:12\nCOPY a \\\n  http://host/x b", "3: http://host/x"],
		["FROM debian:12\nCOPY --form=x a b", "2: --form"],
		["FROM debian:12\nRUN --network=nne true", "2: --network=nne"],
		["FROM debian:12\nUSER a b\nEXPOSE x", "3: x"],
	])("of %j is %s", async (text, expected) => {
		expect(await underlined(text)).toBe(expected);
	});

	it("is a word of its own rather than a part of another", () => {
		const at = { file: "Nodefile", line: 1, column: 1, text: "COPY banana ban ana /" };
		expect(partOf(at, "ana")).toMatchObject({ column: 17, length: 3 });
		expect(partOf(at, "nan")).toMatchObject({ column: 8, length: 3 });
		expect(partOf(at, "gone")).toBe(at);
		expect(partOf(at, undefined)).toBe(at);
	});
});

it("quotes in COPY are answered with the list form", async () => {
	await expect(planText('FROM debian:12\nCOPY --link "a b" c')).rejects.toMatchObject({
		hint: 'Names with blanks are written as a list: COPY --link ["a b", "c"]',
	});
});
