import { expect, test } from "vitest";
import { neededStages } from "../../../src/build/stages.ts";
import { planText } from "../plan/support.ts";

const TEXT = `FROM debian:12 AS a
RUN a
FROM scratch AS files
COPY --from=a /x /
FROM debian:12 AS b
RUN b
COPY --from=a /x /b
FROM debian:12 AS unused
RUN u
FROM debian:12
COPY --from=b /b /
RUN --mount=from=files,target=/m x
RUN last`;

/** Layers that a store has, by the text of the step; what is copied into files alone has none. */
async function needed(...cached: readonly string[]) {
	const { plan } = await planText(TEXT);
	const found = await neededStages(plan, async ({ layered }) => {
		const first = layered.findIndex(({ title }) => !cached.includes(title));
		return first < 0 ? layered.length : first;
	});
	return Object.fromEntries([...found].sort(([a], [b]) => a - b));
}

test("a stage is needed by steps that are not cached, and by those of stages that are needed", async () => {
	expect(await needed()).toEqual({ 0: [], 1: [0], 2: [0], 4: [2, 1] });
	expect(await needed("RUN b", "COPY --from=a /x /b")).toEqual({ 0: [], 1: [0], 2: [], 4: [2, 1] });
	expect(await needed("COPY --from=b /b /")).toEqual({ 0: [], 1: [0], 4: [1] });
	const all = ["COPY --from=b /b /", "RUN --mount=from=files,target=/m x", "RUN last"];
	expect(await needed(...all.slice(0, 2))).toEqual({ 4: [] });
	expect(await needed(...all)).toEqual({ 4: [] });
});
