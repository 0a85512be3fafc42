import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { nodeVersionProblem, OLDEST_NODE } from "../../../../scripts/setup/node-version.mjs";

describe("nodeVersionProblem", () => {
	it.each(["20.19.0", "20.20.2", "22.0.0", "100.1.0"])("%s is new enough", (version) => {
		expect(nodeVersionProblem(version)).toBeUndefined();
	});

	it.each(["20.18.9", "18.20.0", "12.22.9"])("%s is too old, and is told so", (version) => {
		expect(nodeVersionProblem(version)).toContain(`expected Node.js ${OLDEST_NODE} or newer, got ${version}`);
	});

	it("asks for what package.json asks for", async () => {
		const manifest = JSON.parse(await readFile("package.json", "utf8"));
		expect(`${manifest.engines.node.replace(">=", "")}.0`).toBe(OLDEST_NODE);
	});
});
