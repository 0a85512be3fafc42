import { expect, test } from "vitest";
import { type Chain, ancestorsOf, branchesOf, chainOf, nameOf, stageOf, stagesOf } from "../../../src/build/chain.ts";
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

test("a step knows the stages that it copies from and mounts, a stage those that it is FROM", async () => {
	const { plan } = await planText(
		"FROM debian:12 AS a\nFROM debian:12 AS b\nFROM a AS c\nFROM c\n" +
			"COPY --from=a /x /y\nRUN --mount=from=b,target=/m --mount=type=cache,target=/c x\nRUN y",
	);
	const { steps } = stageOf(plan, plan.target);
	expect(steps.map(stagesOf)).toEqual([[0], [1], []]);
	expect(ancestorsOf(plan, plan.target)).toEqual([2, 0]);
	expect(plan.stages.map(nameOf)).toEqual(['stage "a"', 'stage "b"', 'stage "c"', "stage 3"]);
});

test("stages part at the end of one that another is FROM, and after the last step that two have in common", async () => {
	const { plan } = await planText(
		"FROM debian:12 AS common\nRUN a\nRUN b\nFROM common AS one\nRUN c\nFROM debian:12 AS two\nRUN a\nRUN d\n" +
			"FROM debian:12\nRUN e\nCOPY --from=one /x /y\nCOPY --from=two /x /y",
	);
	const titleOf = new Map(plan.stages.flatMap(({ steps }) => steps.map(({ key, title }) => [key, title] as const)));
	const titles = [...branchesOf(plan)].map((key) => titleOf.get(key) ?? "the booted base");
	expect(titles.sort()).toEqual(["RUN a", "RUN b", "the booted base"]);
	const alone = await planText("FROM debian:12 AS common\nRUN a\nRUN b\nFROM debian:12\nRUN a\nRUN b\nRUN c");
	expect([...branchesOf(alone.plan)]).toEqual([]);
});
