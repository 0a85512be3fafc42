/** Same inputs, same key; other inputs, another key, from there on and nowhere else. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Options, planText, type World } from "./support.ts";

const EFFECT = ["RUN echo run", "COPY file /file", "ADD other /other", "WORKDIR /work"];
const SETTING = ["LABEL l=1", "EXPOSE 80", 'CMD ["run"]', "STOPSIGNAL 9", "VOLUME /v", "MAINTAINER me"];

const effect = fc.nat(99).chain((n) => fc.constantFrom(...EFFECT.map((text) => `${text}${n}`)));
const setting = fc.constantFrom(...SETTING);
const lines = (line: fc.Arbitrary<string>) => fc.array(line, { maxLength: 4 });
/** A few steps of any kind, the last one with an effect. */
const body = fc.tuple(lines(fc.oneof(effect, setting)), effect).map(([before, last]) => [...before, last]);

async function keysOf(text: readonly string[], options: Options = {}, world: World = {}) {
	const { plan } = await planText(`ARG SEEN=0\nFROM debian:12\n${text.join("\n")}\n`, options, world);
	const [stage] = plan.stages;
	if (stage === undefined) throw new Error("expected a stage");
	return { root: stage.rootKey, steps: stage.steps.map(({ key }) => key), image: plan.imageKey };
}

type Keys = Awaited<ReturnType<typeof keysOf>>;

/** Steps before `from` have the keys they had; the last step, which has an effect, has another one. */
function expectChangedFrom(from: number, before: Keys, after: Keys): void {
	expect(after.root).toBe(before.root);
	expect(after.steps.slice(0, from)).toEqual(before.steps.slice(0, from));
	expect(after.steps.at(-1)).not.toBe(before.steps.at(-1));
	expect(after.image).not.toBe(before.image);
}

/** `head`, then `before` or `after`, then `tail`. */
async function changed(head: string[], before: string, after: string, tail: string[]) {
	expectChangedFrom(head.length, await keysOf([...head, before, ...tail]), await keysOf([...head, after, ...tail]));
}

const check = (property: fc.IAsyncProperty<unknown>) => fc.assert(property, { numRuns: 25 });

describe("keys", () => {
	it("are the same for the same inputs", () =>
		check(
			fc.asyncProperty(body, async (text) => {
				expect(await keysOf(text)).toEqual(await keysOf(text));
			}),
		));

	it("change with the text of a RUN, from there on", () =>
		check(fc.asyncProperty(body, body, (head, tail) => changed(head, "RUN echo a", "RUN echo b", tail))));

	it("change with an ENV that a later RUN sees", () =>
		check(fc.asyncProperty(body, body, (head, tail) => changed(head, "ENV E=1", "ENV E=2", [...tail, "RUN echo"]))));

	it("do not change with an ENV that nothing sees", async () => {
		const [one, two] = [await keysOf(["RUN a", "ENV E=1"]), await keysOf(["RUN a", "ENV E=2"])];
		expect(two.steps).toEqual(one.steps);
		expect(two.image).not.toBe(one.image);
	});

	it("change with a build argument that is declared, from its declaration on", () =>
		check(
			fc.asyncProperty(body, body, async (head, tail) => {
				const text = [...head, "ARG SEEN", ...tail, "RUN echo $SEEN"];
				const given = (SEEN: string) => keysOf(text, { buildArgs: { SEEN } });
				expectChangedFrom(head.length, await given("1"), await given("2"));
			}),
		));

	it("do not change with build arguments that nobody declares, nor with proxies", () =>
		check(
			fc.asyncProperty(body, async (text) => {
				const buildArgs = { OTHER: "x", http_proxy: "http://proxy", NO_PROXY: "localhost", All_Proxy: "socks" };
				expect(await keysOf([...text, "RUN env"], { buildArgs })).toEqual(await keysOf([...text, "RUN env"]));
			}),
		));

	it("change with a proxy that is declared", async () => {
		const text = ["ARG HTTP_PROXY", "RUN env"];
		const given = (HTTP_PROXY: string) => keysOf(text, { buildArgs: { HTTP_PROXY } });
		expectChangedFrom(1, await given("http://a"), await given("http://b"));
	});

	it("change with the content of what is copied, from there on", () =>
		check(
			fc.asyncProperty(lines(setting), body, async (head, tail) => {
				const text = ["RUN first", ...head, "COPY a /a", ...tail];
				const holding = (a: string) => keysOf(text, {}, { files: { a } });
				expectChangedFrom(head.length + 1, await holding("1"), await holding("2"));
			}),
		));

	it.each<[string, Options, World]>([
		["digest of the base", {}, { bases: { "debian:12": "newer" } }],
		["size of the disk", { diskSize: 1 }, {}],
		["version of preparing", { prepareVersion: 2 }, {}],
		["platform", { platform: "linux/arm64" }, {}],
	])("change all with the %s", (_what, options, world) =>
		check(
			fc.asyncProperty(body, async (text) => {
				const [before, after] = [await keysOf(text), await keysOf(text, options, world)];
				expect(after.root).not.toBe(before.root);
				const same = after.steps.filter((key) => before.steps.includes(key));
				expect(same).toEqual([]);
				expect(after.image).not.toBe(before.image);
			}),
		),
	);

	it("of the image alone change with what it says of itself", () =>
		check(
			fc.asyncProperty(body, setting, body, async (head, added, tail) => {
				const before = await keysOf([...head, "LABEL l=0", ...tail, "LABEL last=1"]);
				const after = await keysOf([...head, added, ...tail, "LABEL last=2"]);
				expect(after.steps).toEqual(before.steps);
				expect(after.image).not.toBe(before.image);
			}),
		));

	it("of the image change with the version of sealing and labels of the command line", async () => {
		const [before, sealed, labelled] = [
			await keysOf(["RUN a"]),
			await keysOf(["RUN a"], { sealVersion: 2 }),
			await keysOf(["RUN a"], { labels: { a: "1" } }),
		];
		expect(new Set([before.image, sealed.image, labelled.image]).size).toBe(3);
		expect([sealed.steps, labelled.steps]).toEqual([before.steps, before.steps]);
	});

	it("follow a stage that is copied from, not its number or name", async () => {
		const build = async (first: string, name: string, more: string) => {
			const text = `${more}FROM debian:12 AS ${name}\nRUN ${first}\nFROM debian:12\nRUN own\nCOPY --from=${name} /x /x\n`;
			const { plan } = await planText(text);
			return plan.stages.at(-1)?.steps.map(({ key }) => key) ?? [];
		};
		const before = await build("make", "one", "");
		expect(await build("make", "two", "FROM debian:13 AS other\n")).toEqual(before);
		const after = await build("make all", "one", "");
		expect(after[0]).toBe(before[0]);
		expect(after[1]).not.toBe(before[1]);
	});

	it("differ by user, directory, shell, network and mounts of a command", async () => {
		const variants = [
			["RUN a"],
			["USER app", "RUN a"],
			['SHELL ["/bin/bash", "-c"]', "RUN a"],
			["RUN --network=none a"],
			["RUN --mount=type=cache,target=/c a"],
			["RUN --mount=type=cache,target=/c,id=other a"],
			["RUN --mount=type=bind,source=x,target=/c a"],
			["RUN --mount=type=secret,id=s a"],
			['RUN ["a"]'],
		];
		const keys = await Promise.all(variants.map(async (text) => (await keysOf(text)).steps.at(-1)));
		expect(new Set(keys).size).toBe(variants.length);
	});
});
