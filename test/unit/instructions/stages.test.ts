import { expect, test } from "vitest";
import { parseTrigger } from "../../../src/instructions/index.ts";
import { nodefileOf, refusal } from "./support.ts";

test("ARGs before the first FROM belong to no stage", () => {
	const { globalArgs, stages } = nodefileOf("ARG A=1\nARG B\nFROM a\nARG A\nFROM b\nRUN c");
	expect(globalArgs.map(({ args }) => args)).toEqual([[{ key: "A", value: "1" }], [{ key: "B" }]]);
	expect(stages.map(({ index, instructions }) => [index, instructions.map(({ kind }) => kind)])).toEqual([
		[0, ["arg"]],
		[1, ["run"]],
	]);
});

test.each([
	["RUN a\nFROM b", 1, /no build stage in current context/],
	["ARG A", 1, /no stages to build/],
])("%j is no Nodefile", (text, line, message) => {
	const error = refusal(() => nodefileOf(text));
	expect(error.message).toMatch(message);
	expect(error.at?.line).toBe(line);
});

test("a trigger is read as the instruction that it stands for", () => {
	expect(parseTrigger("COPY --from=x a b")).toMatchObject({ kind: "copy", from: "x", sources: ["a"], dest: "b" });
	expect(parseTrigger("COPY <<-E /f\n\tx\nE")).toMatchObject({ heredocs: [{ content: "x\n" }] });
});

test.each([
	["FROM a", /FROM isn't allowed/],
	["ONBUILD RUN a", /Chaining ONBUILD/],
	["MAINTAINER a", /MAINTAINER isn't allowed/],
	["RUN a\nRUN b", /single expression/],
	["RUNN a", /unknown instruction: RUNN \(did you mean RUN\?\)/],
	["", /no instructions/],
])("%j is no trigger", (text, message) => {
	const error = refusal(() => parseTrigger(text));
	expect(error.message).toMatch(message);
	expect(error.code).toMatch(/^NODEFILE_/);
});
