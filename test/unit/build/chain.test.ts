import { describe, expect, test } from "vitest";
import { type Chain, chainOf, requireSupported, stageOf } from "../../../src/build/chain.ts";
import { NodebuildError } from "../../../src/errors.ts";
import { planText } from "../plan/support.ts";

async function chain(text: string): Promise<Chain> {
	const { plan } = await planText(text);
	return chainOf(plan, plan.target);
}

test("a chain holds the steps of all stages that the target is FROM, oldest first", async () => {
	const { root, rootKey, steps, layered, lastKey } = await chain(
		"FROM debian:12 AS a\nRUN one\nENV A=1\nFROM a AS b\nRUN two\nFROM debian:12 AS other\nRUN no\nFROM b\nRUN three",
	);
	expect(root).toMatchObject({ kind: "base", ref: "debian:12" });
	expect(steps.map(({ title }) => title)).toEqual(["RUN one", "ENV A=1", "RUN two", "RUN three"]);
	expect(layered.map(({ title }) => title)).toEqual(["RUN one", "RUN two", "RUN three"]);
	expect(layered[0]?.parent).toBe(rootKey);
	expect(layered[1]?.parent).toBe(layered[0]?.key);
	expect(lastKey).toBe(layered[2]?.key);
});

test("without a step that changes the disk the last layer is the booted base", async () => {
	const { rootKey, lastKey, layered } = await chain('FROM debian:12\nENV A=1\nCMD ["a"]');
	expect([layered, lastKey]).toEqual([[], rootKey]);
});

test("a stage that the plan does not have is a defect", async () => {
	const { plan } = await planText("FROM debian:12");
	expect(() => stageOf(plan, 5)).toThrow(expect.objectContaining({ code: "INTERNAL" }));
});

describe("what cannot be built is refused at its line", () => {
	test.each([
		["FROM debian:12\nRUN a\nRUN --mount=type=cache,target=/c b", "RUN --mount=type=cache", 3],
		["FROM debian:12 AS a\nFROM debian:12\nCOPY --from=a /x /y", "COPY --from another stage", 3],
		["FROM debian:12\nADD https://example.org/x /x", "ADD of a remote address", 2],
		["FROM scratch\nCOPY a /", "FROM scratch", 2],
	])("%j", async (text, what, line) => {
		const found = await chain(text);
		const refuse = (): void => requireSupported(found);
		expect(refuse).toThrow(NodebuildError);
		expect(refuse).toThrow(
			expect.objectContaining({
				code: "UNSUPPORTED",
				message: expect.stringContaining(what),
				at: expect.objectContaining({ line }),
			}),
		);
	});

	test("and what can be built is not", async () => {
		requireSupported(await chain("FROM debian:12\nCOPY a b /c/\nCOPY <<X /x\ntext\nX\nRUN <<Y\necho\nY\nWORKDIR /w"));
	});
});
