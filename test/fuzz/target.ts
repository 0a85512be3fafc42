/**
 * What the fuzzer runs: a text through parsing, instructions, lint and the plan of every stage, with a world outside that
 * answers by rule. Whatever the text: instructions and plans, or an error of ours with its place.
 */
import { digestOf } from "../../src/digest.ts";
import { NodebuildError } from "../../src/errors.ts";
import { lintNodefile, parseNodefile } from "../../src/instructions/index.ts";
import type { Nodefile } from "../../src/instructions/types.ts";
import { locate, parseText } from "../../src/nodefile/index.ts";
import type { NodefileText } from "../../src/nodefile/types.ts";
import { type PlanInput, type PlanResolvers, planBuild, planToJson } from "../../src/plan/index.ts";
import { EMPTY_CONFIG, type ImageConfig } from "../../src/plan/types.ts";

/** The text did something that no text may do. */
export class Violation extends Error {
	override readonly name = "Violation";
}

/** Each of so many is planned as the target, from the last on. */
const MOST_STAGES = 8;

/** Every third name is an image with a configuration of its own. */
const BUILT: ImageConfig = {
	...EMPTY_CONFIG,
	env: [
		["PATH", "/opt/bin:/bin"],
		["FROM_BASE", "yes"],
	],
	user: "app",
	workdir: "/srv",
	onbuild: ["COPY . /srv/app", "RUN make $FROM_BASE"],
};

const RESOLVERS: PlanResolvers = {
	base: async (ref, platform) => {
		const digest = digestOf({ ref, platform });
		return { ref, digest, family: "debian", ...(ref.length % 3 === 0 ? { config: BUILT } : {}) };
	},
	copy: async (request) => digestOf({ origins: request.origins }),
	roles: async (names) => digestOf({ names }),
};

/** @throws Violation, or whatever else came out that is no error of ours */
export async function run(text: string): Promise<void> {
	const source = allowed(text, () => parseText(text, "Nodefile"));
	if (source === undefined) return;
	for (const { args, argRanges } of source.nodes) {
		if (args.length !== argRanges.length) throw new Violation(`${args.length} arguments, ${argRanges.length} ranges`);
	}
	const nodefile = allowed(text, () => parseNodefile(source));
	if (nodefile === undefined) return;
	const report = allowed(text, () => lintNodefile(nodefile, source));
	for (const { range } of report?.warnings ?? []) checkPlace(text, locate(source, range));
	for (const { index } of nodefile.stages.slice(-MOST_STAGES)) await plan(text, nodefile, source, index);
}

async function plan(text: string, nodefile: Nodefile, source: NodefileText, stage: number): Promise<void> {
	const input: PlanInput = {
		nodefile,
		source,
		target: String(stage),
		buildArgs: { GIVEN: "given", HTTP_PROXY: "http://proxy" },
		platform: "linux/amd64",
		diskSize: 2 ** 30,
		prepareVersion: 1,
		sealVersion: 1,
		namedContexts: new Map([["named", undefined]]),
		warn: ({ at }) => {
			if (at !== undefined && at.file === "Nodefile") checkPlace(text, at);
		},
	};
	try {
		JSON.stringify(planToJson(await planBuild(input, RESOLVERS)));
	} catch (error) {
		checkError(text, error);
	}
}

function allowed<Result>(text: string, read: () => Result): Result | undefined {
	try {
		return read();
	} catch (error) {
		checkError(text, error);
		return undefined;
	}
}

function checkError(text: string, error: unknown): void {
	if (!(error instanceof NodebuildError)) throw error;
	if (error.code === "INTERNAL") throw error;
	if (error.message === "") throw new Violation(`an error ${error.code} without a message`);
	if (error.at === undefined) throw new Violation(`an error without a place: ${error.code} ${shape(error.message)}`);
	checkPlace(text, error.at);
}

function checkPlace(text: string, { line, column, length }: NonNullable<NodebuildError["at"]>): void {
	const lines = text.split("\n");
	const there = lines[line - 1];
	if (there === undefined) throw new Violation("a place behind the last line");
	if (column < 1 || column > there.length + 1) throw new Violation("a place beside its line");
	if (length !== undefined && length < 1) throw new Violation("a place without a length");
}

/** A message without what differs from text to text. */
function shape(message: string): string {
	return message.replace(/"[^"]*"|'[^']*'|\d+/g, "_").slice(0, 80);
}
