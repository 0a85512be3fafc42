import { describe, expect, it } from "vitest";
import { sum, tallyCheck, tallyTests } from "../../../scripts/tally.mjs";

const report = (overrides = {}) => ({
	numPassedTests: 3,
	numFailedTests: 0,
	numPendingTests: 0,
	numTodoTests: 0,
	testResults: [{ status: "passed", assertionResults: [{ status: "passed" }] }],
	...overrides,
});

describe("tallyCheck", () => {
	it("counts one", () => {
		expect(tallyCheck(0)).toEqual({ passed: 1, failed: 0 });
		expect(tallyCheck(1)).toEqual({ passed: 0, failed: 1 });
		expect(tallyCheck(null)).toEqual({ passed: 0, failed: 1 });
	});
});

describe("tallyTests", () => {
	it("counts every test", () => {
		expect(tallyTests(0, report())).toEqual({ passed: 3, failed: 0 });
		expect(tallyTests(1, report({ numFailedTests: 2 }))).toEqual({ passed: 3, failed: 2 });
	});

	it("counts a file that could not be loaded", () => {
		const unloaded = { testResults: [{ status: "failed", assertionResults: [] }] };
		expect(tallyTests(1, report(unloaded))).toEqual({ passed: 3, failed: 1 });
	});

	it("does not count a file twice whose tests failed", () => {
		const file = { status: "failed", assertionResults: [{ status: "passed" }, { status: "failed" }] };
		expect(tallyTests(1, report({ numFailedTests: 1, testResults: [file] }))).toEqual({ passed: 3, failed: 1 });
	});

	it("counts a skipped test as failed, and says so", () => {
		const tally = tallyTests(0, report({ numPendingTests: 1, numTodoTests: 1 }));
		expect(tally).toMatchObject({ passed: 3, failed: 2, note: "2 skipped, which counts as failed" });
	});

	it("never passes a stage without results, without tests, or with a bad end", () => {
		expect(tallyTests(0, undefined)).toMatchObject({ passed: 0, failed: 1 });
		expect(tallyTests(0, report({ numPassedTests: 0, testResults: [] }))).toMatchObject({ passed: 0, failed: 1 });
		expect(tallyTests(1, report())).toMatchObject({ passed: 3, failed: 1 });
		expect(tallyTests(null, report())).toMatchObject({ passed: 3, failed: 1 });
	});
});

describe("sum", () => {
	it("adds up", () => {
		expect(
			sum([
				{ passed: 1, failed: 0 },
				{ passed: 2, failed: 3 },
			]),
		).toEqual({ passed: 3, failed: 3 });
		expect(sum([])).toEqual({ passed: 0, failed: 0 });
	});
});
