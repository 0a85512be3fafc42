/** docs/nodefile.md and the examples in README.md are held against the parser, the planner and what can be built. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { requireSupported } from "../../../src/build/supported.ts";
import { digestOf } from "../../../src/digest.ts";
import { NodebuildError } from "../../../src/errors.ts";
import { entrypointUnit } from "../../../src/image/systemd.ts";
import { INSTRUCTION_SYNTAX, parseNodefile } from "../../../src/instructions/index.ts";
import { parseText } from "../../../src/nodefile/index.ts";
import { type PlanResolvers, type PlanWarning, planBuild } from "../../../src/plan/index.ts";
import type { Plan } from "../../../src/plan/types.ts";

interface Block {
	readonly file: string;
	/** 1-based line of the opening fence. */
	readonly line: number;
	/** Words after the backquotes: language and marks. */
	readonly info: readonly string[];
	readonly text: string;
}

function blocksOf(file: string): readonly Block[] {
	const text = readFileSync(file, "utf8");
	return [...text.matchAll(/^```(\S[^\n]*)\n([\s\S]*?)^```$/gm)].map((match) => ({
		file,
		line: text.slice(0, match.index).split("\n").length,
		info: (match[1] ?? "").trim().split(/\s+/),
		text: match[2] ?? "",
	}));
}

const isNodefile = ({ info: [language = ""] }: Block): boolean => /^(nodefile|dockerfile)$/i.test(language);
const named = (block: Block) => [`${block.file}:${block.line}`, block] as const;

const DOCUMENT = "docs/nodefile.md";
const documented = blocksOf(DOCUMENT);
const nodefiles = [...documented, ...(existsSync("README.md") ? blocksOf("README.md") : [])].filter(isNodefile);
const refused = nodefiles.filter(({ info }) => info.includes("refused"));
const examples = nodefiles.filter((block) => !refused.includes(block));

/** Every base is there, and every file of a context. */
const resolvers: PlanResolvers = {
	base: async (ref) => ({ ref, digest: digestOf({ ref }), family: "debian" }),
	copy: async (request) => digestOf({ origins: request.origins }),
	roles: async (names) => digestOf({ names }),
};

/** An example without FROM starts from debian:12. */
async function planExample({ text, file }: Block): Promise<{ plan: Plan; warnings: readonly PlanWarning[] }> {
	const source = parseText(/^FROM\b/m.test(text) ? text : `FROM debian:12\n${text}`, file);
	const warnings: PlanWarning[] = [];
	const plan = await planBuild(
		{
			nodefile: parseNodefile(source),
			source,
			buildArgs: {},
			platform: "linux/amd64",
			diskSize: 10 * 1024 ** 3,
			prepareVersion: 1,
			sealVersion: 1,
			warn: (warning) => warnings.push(warning),
		},
		resolvers,
	);
	requireSupported(plan);
	return { plan, warnings };
}

function sections(): ReadonlyMap<string, string> {
	const parts = readFileSync(DOCUMENT, "utf8").split(/^#{1,3} (?=\S)/m);
	return new Map(parts.map((part) => [part.slice(0, part.indexOf("\n")), part]));
}

describe("examples", () => {
	it("are many", () => {
		expect(examples.length).toBeGreaterThan(20);
		expect(refused.length).toBeGreaterThan(1);
	});

	it.each(examples.map(named))("%s can be built", async (_place, block) => {
		const { warnings } = await planExample(block);
		expect(warnings).toEqual([]);
	});

	it.each(refused.map(named))("%s is refused", async (_place, block) => {
		const error = await planExample(block).then(
			() => undefined,
			(thrown: unknown) => thrown,
		);
		expect(error).toBeInstanceOf(NodebuildError);
		expect(error).toMatchObject({ code: "UNSUPPORTED", at: { file: DOCUMENT } });
	});

	it("show the unit that is written", async () => {
		const at = documented.findIndex(({ info }) => info.includes("unit"));
		const [example, shown] = documented.slice(at, at + 2);
		if (example === undefined || shown === undefined) throw new Error("expected an example with its unit");
		const { plan } = await planExample(example);
		const config = plan.stages.find(({ index }) => index === plan.target)?.config;
		const unit = config === undefined ? undefined : entrypointUnit(config);
		expect(unit).toContain(shown.text);
	});
});

describe("instructions", () => {
	const keywords = Object.entries(INSTRUCTION_SYNTAX);

	it.each(keywords)("%s has a section with its syntax and an example", (keyword, syntax) => {
		const section = sections().get(keyword) ?? "";
		expect(section).toContain(`\n\`${syntax}\`\n`);
		const shown = documented.filter((block) => isNodefile(block) && section.includes(block.text));
		expect(shown.some(({ text }) => new RegExp(`^${keyword} `, "m").test(text))).toBe(true);
	});

	it.each(keywords)("%s explains every flag", (keyword, syntax) => {
		const section = (sections().get(keyword) ?? "").replace(`\n\`${syntax}\`\n`, "");
		for (const [flag] of syntax.matchAll(/--[a-z-]+/g)) expect(section).toContain(flag);
	});

	it("are all in the table of what goes where", () => {
		const table = sections().get("How a build goes") ?? "";
		for (const [keyword] of keywords) expect(table).toMatch(new RegExp(`^\\| .*\`${keyword}\`.* \\|`, "m"));
	});

	it("have no section for what does not exist", () => {
		const headings = [...sections().keys()].filter((heading) => /^[A-Z]+$/.test(heading));
		expect(headings.toSorted()).toEqual(Object.keys(INSTRUCTION_SYNTAX).toSorted());
	});
});

describe("links", () => {
	it.each([DOCUMENT, "docs/differences.md"])("of %s lead somewhere", (file) => {
		const text = readFileSync(file, "utf8");
		const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? "");
		expect(targets.length).toBeGreaterThan(0);
		for (const target of targets) {
			const [path = "", anchor] = target.split("#", 2);
			const aim = path === "" ? file : `docs/${path}`;
			expect(existsSync(aim), target).toBe(true);
			if (anchor === undefined) continue;
			const headings = [...readFileSync(aim, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading]) => slug(heading ?? ""));
			expect(headings).toContain(anchor);
		}
	});
});

/** As GitHub makes anchors. */
function slug(heading: string): string {
	return heading
		.toLowerCase()
		.replace(/[^\w\- ]/g, "")
		.replaceAll(" ", "-");
}
