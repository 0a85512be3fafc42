/**
 * Make a clean clone ready to run: npm packages, the compiled program, the host's packages.
 *
 *   node scripts/setup.mjs [--test]
 *
 * Needs Node.js and npm only, and imports nothing but node's own modules. Does what is missing and nothing else, one
 * line each; says nothing and takes a fraction of a second when there is nothing to do.
 * NODEBUILD_NO_INSTALL=1 forbids installing host packages; what is missing is then listed.
 *
 * This file and node-version.mjs keep to a syntax that a Node.js of 2019 still reads, so that it gets the message.
 */
import { nodeVersionProblem } from "./setup/node-version.mjs";

function fail() {
	// Before the tests this is the run's result: keep its closing line.
	if (process.argv.includes("--test")) console.log("0 passed, 1 failed");
	process.exitCode = 1;
}

const problem = nodeVersionProblem(process.versions.node);
if (problem === undefined) {
	import("./setup/main.mjs").then(({ setUp }) => {
		if (!setUp()) fail();
	});
} else {
	console.error(`setup: ${problem}`);
	fail();
}
