import { defineConfig } from "vitest/config";
import { JOBS } from "./test/e2e/support/environment.ts";

export default defineConfig({
	test: {
		projects: [
			{ test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 30_000 } },
			{ test: { name: "conformance", include: ["test/conformance/**/*.test.ts"], testTimeout: 120_000 } },
			{
				test: {
					name: "e2e",
					include: ["test/e2e/**/*.test.ts"],
					globalSetup: ["test/e2e/support/global-setup.ts"],
					testTimeout: 900_000,
					hookTimeout: 900_000,
					// A machine keeps about one core busy, most of the time.
					maxWorkers: JOBS,
				},
			},
		],
	},
});
