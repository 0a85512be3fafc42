import { expect, test } from "vitest";
import { runScript } from "../../../src/instructions/index.ts";
import { ofKind } from "./support.ts";

test.each([
	["RUN a b", { kind: "shell", script: "a b" }],
	["RUN <<E\na\nb\nE", { kind: "shell", script: "a\nb\n" }],
	["RUN <<-E\n\ta\n\tE", { kind: "shell", script: "a\n" }],
	["RUN <<E\n#!/bin/python\nE", { kind: "program", name: "E", content: "#!/bin/python\n" }],
	["RUN cat <<A <<-B > /x\n1\nA\n\t2\n\tB", { kind: "shell", script: "cat <<A <<-B > /x\n1\nA\n\t2\nB" }],
	['RUN ["a"]', undefined],
])("%j", (line, expected) => {
	expect(runScript(ofKind("run", line))).toEqual(expected);
});
