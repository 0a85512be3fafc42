/** A suite on a machine: each resource is asked for once, and what it says is compared. */
import type { VerifyRow } from "../types.ts";
import { gossRows } from "./goss.ts";
import type { Facts, Probe } from "./kind.ts";
import type { Suite } from "./load.ts";
import type { Expectation, Resource } from "./read.ts";
import { shown } from "./value.ts";

/** So many are asked for at the same time. */
const AT_ONCE = 4;

/** Rows in the order of the suite. By goss itself where the machine has it, else by our own reader. */
export async function runSuite(suite: Suite, probe: Probe): Promise<readonly VerifyRow[]> {
	return (await gossRows(suite, probe)) ?? (await ownRows(suite, probe));
}

export async function ownRows({ name, resources }: Suite, probe: Probe): Promise<readonly VerifyRow[]> {
	const rows: VerifyRow[][] = resources.map(() => []);
	const open = [...resources.entries()];
	const work = async (): Promise<void> => {
		for (let next = open.shift(); next !== undefined; next = open.shift()) {
			const [index, resource] = next;
			rows[index] = await rowsOf(resource, name, probe);
		}
	};
	await Promise.all(Array.from({ length: AT_ONCE }, work));
	return rows.flat();
}

async function rowsOf(resource: Resource, suite: string, probe: Probe): Promise<VerifyRow[]> {
	const { type, name, title, skip, expectations, presence } = resource;
	const row = (property: string, more: Omit<VerifyRow, "name" | "suite">): VerifyRow => ({
		name: `${title ?? `${type} ${name}`}: ${property}`,
		suite,
		...more,
	});
	const skipped = { passed: true, skipped: true, milliseconds: 0 };
	if (skip) return expectations.map(({ property }) => row(property, { ...skipped, detail: "the suite skips it" }));
	const begin = performance.now();
	const found = await resource.find(new Set(expectations.map(({ property }) => property)), probe);
	const milliseconds = Math.round((performance.now() - begin) / Math.max(1, expectations.length));
	// Of what is not there nothing more can be said; whether that is right, its presence tells.
	const absent = presence !== undefined && found.values[presence] === false;
	const told = expectations.some(({ property }) => property === presence);
	return expectations.map((expectation) => {
		const { property } = expectation;
		if (absent && told && property !== presence)
			return row(property, { ...skipped, detail: found.problem ?? "it is not there" });
		return row(property, { ...compare(expectation, found), milliseconds });
	});
}

function compare({ property, expected, test }: Expectation, { values, problem }: Facts) {
	const actual = Object.hasOwn(values, property) ? values[property] : undefined;
	if (actual === undefined) {
		const got = problem === undefined || problem === "" ? "nothing" : problem;
		return { passed: false, detail: `expected ${shown(expected)}, got: ${got}` };
	}
	if (test(actual)) return { passed: true, detail: "" };
	// What a command said on standard error explains its status.
	const more = property === "exit-status" && problem ? `: ${shown(problem)}` : "";
	return { passed: false, detail: `expected ${shown(expected)}, got ${shown(actual)}${more}` };
}
