import { describe, expect, test } from "vitest";
import { requireSupported } from "../../../src/build/supported.ts";
import { NodebuildError } from "../../../src/errors.ts";
import { planText } from "../plan/support.ts";

describe("what cannot be built is refused at its line", () => {
	test.each([
		["FROM scratch\nCOPY a /", "UNSUPPORTED", "FROM scratch", 1],
		["FROM scratch", "UNSUPPORTED", "FROM scratch", 1],
		["FROM scratch AS a\nCOPY b /\nFROM a", "UNSUPPORTED", "FROM scratch", 3],
		[
			"FROM scratch AS a\nFROM a AS b\nRUN x y\nFROM debian:12\nCOPY --from=b / /",
			"NODEFILE_INVALID",
			'"/bin/sh -c x y"',
			3,
		],
		[
			'FROM scratch AS a\nRUN ["/x", "y"]\nFROM debian:12\nCOPY --from=a / /',
			"NODEFILE_INVALID",
			'"/x": no such file',
			2,
		],
	] as const)("%j", async (text, code, what, line) => {
		const { plan } = await planText(text);
		const refuse = (): void => requireSupported(plan);
		expect(refuse).toThrow(NodebuildError);
		expect(refuse).toThrow(
			expect.objectContaining({ code, message: expect.stringContaining(what), at: expect.objectContaining({ line }) }),
		);
	});

	test("roles where there is no system", async () => {
		const roles = { args: ["roles"], vars: "" };
		const text = "FROM scratch AS a\nARG roles=one\nFROM debian:12\nCOPY --from=a / /";
		const { plan } = await planText(text, { roles });
		expect(() => requireSupported(plan)).toThrow(
			expect.objectContaining({ code: "NODEFILE_INVALID", at: expect.objectContaining({ line: 2 }) }),
		);
	});

	test.each([
		"FROM debian:12\nCOPY a b /c/\nCOPY <<X /x\ntext\nX\nRUN <<Y\necho\nY\nWORKDIR /w",
		"FROM scratch AS a\nWORKDIR /w\nCOPY b /\nUSER u\nFROM debian:12\nCOPY --from=a / /\nCOPY --from=debian:13 /x /y",
		"FROM scratch AS unused\nRUN x\nFROM debian:12",
		"FROM debian:12\nADD https://example.org/x /x",
		"FROM scratch AS a\nADD https://example.org/x /x\nFROM debian:12\nCOPY --from=a /x /",
	])("and what can be built is not: %j", async (text) => {
		requireSupported((await planText(text)).plan);
	});
});
