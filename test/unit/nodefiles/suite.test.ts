import { expect, test } from "vitest";
import { loadSuite } from "../../../src/build/suite/load.ts";

test("the suite kubernetes is found by its name, and can be read", async () => {
	const { name, resources } = await loadSuite("kubernetes", {});
	expect(name).toBe("kubernetes");
	expect(resources.length).toBeGreaterThan(40);
});
