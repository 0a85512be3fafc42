/**
 * Each golden/<name>.Nodefile has its plan, or its error, in golden/<name>.json, with the options
 * it was planned with. `UPDATE_GOLDEN=1 npx vitest run --project unit test/unit/plan && npx biome format --write test/unit/plan`
 * writes them anew.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { NodebuildError } from "../../../src/errors.ts";
import { planToJson } from "../../../src/plan/index.ts";
import { type Options, planText } from "./support.ts";

const FOLDER = new URL("golden/", import.meta.url);

interface Golden {
	readonly options: Omit<Options, "namedContexts"> & { readonly namedContexts?: readonly string[] };
	readonly result?: unknown;
}

async function outcome(text: string, { namedContexts, ...options }: Golden["options"]): Promise<unknown> {
	try {
		const { plan, warnings } = await planText(text, {
			...options,
			...(namedContexts === undefined
				? {}
				: { namedContexts: new Map(namedContexts.map((name) => [name, undefined])) }),
		});
		return { warnings, plan: planToJson(plan) };
	} catch (error) {
		if (!(error instanceof NodebuildError)) throw error;
		const { code, message, hint, at } = error;
		return { error: { code, message, hint, at } };
	}
}

function readGolden(file: URL): Golden {
	return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { options: {} };
}

describe("golden plans", () => {
	const names = readdirSync(FOLDER).filter((name) => name.endsWith(".Nodefile"));

	it.each(names)("%s", async (name) => {
		const file = new URL(name.replace(/Nodefile$/, "json"), FOLDER);
		const golden = readGolden(file);
		const text = readFileSync(new URL(name, FOLDER), "utf8");
		const result = JSON.parse(JSON.stringify(await outcome(text, golden.options)));
		if (process.env.UPDATE_GOLDEN === "1")
			writeFileSync(file, `${JSON.stringify({ options: golden.options, result }, null, 2)}\n`);
		else expect(result).toEqual(golden.result);
	});
});
