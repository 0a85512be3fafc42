/** Counting what a stage of the tests did, from its exit status and vitest's JSON report. Pure. */

/** @typedef {{ passed: number; failed: number; note?: string }} Tally */
/**
 * What is used of vitest's JSON report, which has jest's form.
 * @typedef {object} VitestReport
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {readonly { status: string; assertionResults: readonly { status: string }[] }[]} testResults
 */

/**
 * A check is one thing that passes or fails.
 * @param {number | null} status exit status; null when a signal ended it
 * @returns {Tally}
 */
export function tallyCheck(status) {
	return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/**
 * A stage of tests: every test counts, so does a file that could not be loaded; a skipped test has shown nothing and
 * counts as failed. A stage that ended badly or without any test never counts as passed.
 * @param {number | null} status
 * @param {VitestReport | undefined} report undefined when none was written
 * @returns {Tally}
 */
export function tallyTests(status, report) {
	if (report === undefined) return { passed: 0, failed: 1, note: "ended without results" };
	const skipped = report.numPendingTests + report.numTodoTests;
	const unloaded = report.testResults.filter(
		(file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
	).length;
	const failed = report.numFailedTests + unloaded + skipped;
	const passed = report.numPassedTests;
	if (passed + failed === 0) return { passed: 0, failed: 1, note: "ran no test" };
	if (failed === 0 && status !== 0) return { passed, failed: 1, note: `ended with status ${status}` };
	return skipped === 0 ? { passed, failed } : { passed, failed, note: `${skipped} skipped, which counts as failed` };
}

/**
 * @param {readonly Tally[]} tallies
 * @returns {Tally}
 */
export function sum(tallies) {
	return {
		passed: tallies.reduce((total, tally) => total + tally.passed, 0),
		failed: tallies.reduce((total, tally) => total + tally.failed, 0),
	};
}
