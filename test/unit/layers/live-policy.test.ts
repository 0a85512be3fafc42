import { describe, expect, test } from "vitest";
import { sha256 } from "../../../src/digest.ts";
import {
	type ChainLink,
	chooseCold,
	chooseDropped,
	decideTake,
	type KeptState,
	superseded,
	type TakeQuestion,
	whenOutgrown,
} from "../../../src/layers/live-policy.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const question = (more: Partial<TakeQuestion>): TakeQuestion => ({
	mode: "auto",
	tainted: false,
	ahead: 0,
	branch: false,
	costs: { boot: 18_000, resume: 1000 },
	before: { bytes: 30 * MIB, milliseconds: 80 },
	free: 100 * GIB,
	quota: 8 * GIB,
	...more,
});

describe("a live state", () => {
	test.each<[string, Partial<TakeQuestion>, object]>([
		["is taken after any step where it is cheap", { ahead: 100 }, { take: true, limit: 8 * GIB }],
		["is taken of a machine that was never frozen", { before: { bytes: 0, milliseconds: 0 } }, { take: true }],
		["is never taken with `never`", { mode: "never" }, { take: false, why: "never" }],
		["is never taken once a secret was there", { mode: "always", tainted: true }, { take: false, why: "secret" }],
		["leaves room for layers", { free: 2 * GIB + 10 * MIB }, { take: false, why: "space" }],
		["may have what is left beside that room", { free: 3 * GIB }, { take: true, limit: GIB }],
		["leaves little room with `always`", { mode: "always", free: GIB }, { take: true, limit: GIB - 256 * MIB }],
		["must fit the quota alone", { mode: "always", quota: 20 * MIB }, { take: false, why: "quota" }],
		[
			"is not taken within a chain where it costs more than it saves",
			{ ahead: 5, before: { bytes: 400 * MIB, milliseconds: 1000 } },
			{ take: false, why: "cost" },
		],
		["is worth more where people edit", { ahead: 1, before: { bytes: 400 * MIB, milliseconds: 1000 } }, { take: true }],
		[
			"is taken at any cost with `always`",
			{ mode: "always", ahead: 5, before: { bytes: 400 * MIB, milliseconds: 60_000 } },
			{ take: true },
		],
		[
			"is worth more where several stages go on from it",
			{ ahead: 5, branch: true, before: { bytes: 400 * MIB, milliseconds: 1000 } },
			{ take: true },
		],
		["saves nothing where a boot is as quick", { costs: { boot: 900, resume: 1000 } }, { take: false, why: "cost" }],
	])("%s", (_, more, answer) => {
		expect(decideTake(question(more))).toMatchObject(answer);
	});
});

describe("of a chain", () => {
	const costs = { boot: 18_000, resume: 1000 };
	const links = (...steps: readonly Partial<ChainLink>[]): ChainLink[] =>
		steps.map((step, index) => ({ key: sha256(String(index)), run: 200, ...NONE, ...step }));
	const NONE = { beforeCopy: false, edited: false, branch: false };
	const kept = (chain: readonly ChainLink[]): number[] => {
		const gone = new Set(superseded(chain, costs));
		return chain.flatMap(({ key }, index) => (gone.has(key) ? [] : [index]));
	};

	test("the booted base and the last three layers keep their states", () => {
		expect(kept(links(...Array(201).fill({ run: 80 })))).toEqual([0, 198, 199, 200]);
		expect(kept(links({}, {}))).toEqual([0, 1]);
	});

	test("so do those before the last two copies", () => {
		const copy = { beforeCopy: true };
		expect(kept(links({}, copy, {}, copy, {}, copy, {}, {}, {}, {}))).toEqual([0, 3, 5, 7, 8, 9]);
	});

	test("and where this build began, whose next step is being edited", () => {
		expect(kept(links({}, {}, { edited: true }, {}, {}, {}, {}))).toEqual([0, 2, 4, 5, 6]);
	});

	test("and where several stages go on", () => {
		expect(kept(links({}, {}, { branch: true }, {}, {}, {}, {}))).toEqual([0, 2, 4, 5, 6]);
	});

	test("and one wherever the steps below it took longer than a boot", () => {
		const slow = { run: 30_000 };
		const slowish = { run: 10_000 };
		expect(kept(links({}, slow, {}, slowish, slowish, slowish, {}, {}, {}))).toEqual([0, 1, 4, 6, 7, 8]);
	});
});

describe("a machine that differs much from its RAM file", () => {
	test.each<[string, number, number, number, string]>([
		["goes on as it is where the difference is small", 96 * MIB, 300 * MIB, 5, "nothing"],
		["... and after the last step", 300 * MIB, 300 * MIB, 0, "nothing"],
		["has its states stand on another where few freezes follow", 170 * MIB, 400 * MIB, 4, "rebase"],
		["goes on in a new process where many do", 170 * MIB, 400 * MIB, 6, "renew"],
	])("%s", (_, bytes, own, ahead, answer) => {
		expect(whenOutgrown(bytes, own, ahead, { boot: 18_000, resume: 1000 })).toBe(answer);
	});
});

describe("of all states", () => {
	const state = (name: string, lastUse: number, more: Partial<KeptState> = {}): KeptState => ({
		layer: sha256(name),
		fits: sha256("a machine"),
		ram: "base",
		size: 30 * MIB,
		lastUse,
		...more,
	});
	const dropped = (states: readonly KeptState[], quota: number, rams = new Map([["base", 280 * MIB]])): string[] => {
		const gone = chooseDropped(states, rams, quota);
		return states.flatMap(({ layer, lastUse }) => (gone.some((one) => one.layer === layer) ? [String(lastUse)] : []));
	};

	test("the least recently used go first, and a shared RAM file counts once", () => {
		const states = [state("a", 1), state("b", 3), state("c", 2)];
		expect(dropped(states, 370 * MIB)).toEqual([]);
		expect(dropped(states, 369 * MIB)).toEqual(["1"]);
		expect(dropped(states, 309 * MIB)).toEqual(["1", "3", "2"]);
		expect(dropped(states, 0)).toHaveLength(3);
	});

	test("one that brings a RAM file of its own may go before an older one that does not", () => {
		const rams = new Map([
			["base", 280 * MIB],
			["large", 600 * MIB],
		]);
		const states = [state("old", 1), state("large", 2, { ram: "large" }), state("new", 3)];
		expect(dropped(states, 400 * MIB, rams)).toEqual(["2"]);
	});

	test("of many variants of a step only the newest stay, for each kind of machine", () => {
		const parent = sha256("below");
		const variants = [1, 2, 3, 4, 5, 6].map((use) => state(`v${use}`, use, { parent }));
		const elsewhere = state("of another machine", 0, { parent, fits: sha256("another machine") });
		expect(dropped([...variants, elsewhere], 8 * GIB)).toEqual(["1", "2"]);
	});

	test("booted bases are no variants of each other", () => {
		expect(
			dropped(
				[1, 2, 3, 4, 5, 6].map((use) => state(`base ${use}`, use)),
				8 * GIB,
			),
		).toEqual([]);
	});
});

describe("memory that nobody has used for three days is packed", () => {
	const HOUR = 3_600_000;
	const NOW = 1_000 * HOUR;
	const ram = (name: string, size: number, packed = false) => ({ name, size, packed });
	const used = (name: string, hours: number) => ({ ram: name, lastUse: NOW - hours * HOUR });

	test("the largest first; what one of its states still uses is not", () => {
		const states = [used("small", 73), used("large", 80), used("shared", 100), used("shared", 71)];
		const rams = [ram("small", 1), ram("shared", 4), ram("large", 2)];
		expect(chooseCold(states, rams, NOW)).toEqual(["large", "small"]);
		expect(chooseCold(states, rams, NOW + 2 * HOUR)).toEqual(["shared", "large", "small"]);
	});

	test("what is packed is not packed again, and what nothing stands on yet may be about to be used", () => {
		expect(chooseCold([used("packed", 100)], [ram("packed", 1, true), ram("young", 2)], NOW)).toEqual([]);
	});
});
