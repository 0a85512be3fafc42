import { expect, test } from "vitest";
import { machinesAtOnce, Slots } from "../../../src/build/slots.ts";

test.each([
	[1024, { free: 20_000, cores: 2 }, 2],
	[1024, { free: 20_000, cores: 16 }, 12],
	[8192, { free: 10_000, cores: 16 }, 1],
	[1024, { free: 100, cores: 4 }, 1],
])("machines of %i MiB on a host with %j: %i at a time", (memory, room, count) => {
	expect(machinesAtOnce(memory, room)).toBe(count);
});

test("no more than so many hold a slot, one that fails gives it back, and all get their turn in order", async () => {
	const slots = new Slots(2);
	const begun: number[] = [];
	let now = 0;
	let most = 0;
	const work = [1, 2, 3, 4, 5].map((number) =>
		slots.hold(async () => {
			begun.push(number);
			now += 1;
			most = Math.max(most, now);
			await new Promise((resolve) => setImmediate(resolve));
			now -= 1;
			if (number === 2) throw new Error("failed");
			return number;
		}),
	);
	const outcomes = await Promise.allSettled(work);
	expect(outcomes.map(({ status }) => status === "fulfilled")).toEqual([true, false, true, true, true]);
	expect(begun).toEqual([1, 2, 3, 4, 5]);
	expect(most).toBe(2);
});
