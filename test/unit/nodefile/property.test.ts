// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Nodefiles are what is tested here
/** Whatever the text: instructions, or an error of ours with a place. Nothing else, and always in time. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { NodebuildError } from "../../../src/errors.ts";
import { expandMounts, lintNodefile, parseNodefile } from "../../../src/instructions/index.ts";
import { parseText, processWord } from "../../../src/nodefile/index.ts";

const SEEDS = [
	"# escape=`\nFROM --platform=$BUILDPLATFORM debian:12 AS build\nRUN echo a `\n  b\n",
	'FROM a\nENV A="b c" D=e\\ f\nENV G h i\nLABEL "a b"=c\nARG X Y=z\n',
	'FROM a\nRUN <<-EOF cat\n\t\thello $A\n\tEOF\nCOPY <<"A" <<B /d/\n1\nA\n2\nB\n',
	'FROM a\nCMD ["a", "\\u0041"]\nSHELL ["/bin/sh", "-c"]\nENTRYPOINT x\nVOLUME ["/a b"]\n',
	"FROM a\nRUN --mount=type=cache,target=/a,mode=0755 --network=none make\nADD --checksum=sha256:0 http://x/y /z\n",
	"ARG V=1\nFROM b:${V:-2} as c\nHEALTHCHECK --interval=1m30s CMD curl ${A#*/} ${B//x/y}\nONBUILD COPY --from=c a b\n",
	"FROM a\r\nWORKDIR /x\r\nUSER u:g\r\nEXPOSE 80/TCP 1-2\r\nSTOPSIGNAL 9\r\nMAINTAINER m\r\nRUN a \\\r\n\r\n# c\r\n b\r\n",
];

const PIECES = [
	..."\\`\n\r\t #='\"$<>{}[]():/-,%?*!|&@\ufeff\u0000\u00a0\u2028é😀\ud800",
	"<<",
	"${",
	"RUN ",
	"ONBUILD ",
	"--",
];

/** A seed with some pieces put in, cut out or repeated. */
const mutated = fc
	.tuple(
		fc.constantFrom(...SEEDS),
		fc.array(
			fc.record({
				at: fc.nat(200),
				cut: fc.nat(3),
				piece: fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: "binary", maxLength: 3 })),
			}),
			{ maxLength: 12 },
		),
	)
	.map(([seed, edits]) =>
		edits.reduce((text, { at, cut, piece }) => text.slice(0, at) + piece + text.slice(at + cut), seed),
	);

/** Runs `read`; an error has to be ours, and located where it must be. */
function attempt<Result>(read: () => Result, located: boolean): Result | undefined {
	try {
		return read();
	} catch (error) {
		expect(error).toBeInstanceOf(NodebuildError);
		if (located && error instanceof NodebuildError) expect(error.at?.line).toBeGreaterThan(0);
		return undefined;
	}
}

function understand(text: string): void {
	const source = attempt(() => parseText(text, "Nodefile"), true);
	if (source === undefined) return;
	for (const node of source.nodes) expect(node.argRanges.length).toBe(node.args.length);
	const nodefile = attempt(() => parseNodefile(source), true);
	if (nodefile === undefined) return;
	attempt(() => lintNodefile(nodefile, source), true);
	for (const instruction of nodefile.stages.flatMap((stage) => stage.instructions)) {
		if (instruction.kind === "run") attempt(() => expandMounts(instruction, (value) => value), false);
	}
}

test("mutations of Nodefiles", () => {
	fc.assert(fc.property(mutated, understand), { numRuns: 1500 });
});

test("any text", () => {
	fc.assert(fc.property(fc.string({ unit: "binary" }), understand), { numRuns: 500 });
});

test("any word", () => {
	const word = fc.array(fc.constantFrom(...PIECES, "a", "A", "0"), { maxLength: 30 }).map((pieces) => pieces.join(""));
	const values = fc.option(fc.string(), { nil: undefined });
	const expand = (text: string, value: string | undefined) =>
		void attempt(() => processWord(text, () => value, { escape: "\\" }), false);
	fc.assert(fc.property(word, values, expand), { numRuns: 2000 });
});
