/** From what `--suite` says to suites: those that come with nodebuild, and files; and the variables for them. */
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, extname, isAbsolute, join, resolve } from "node:path";
import { isScalar, parse, parseDocument } from "yaml";
import { messageOf, NodebuildError } from "../../errors.ts";
import { nearest } from "../../nodefile/suggest.ts";
import { suiteInvalid } from "./place.ts";
import { type Resource, readSuite, type SuiteText } from "./read.ts";
import { isMap, type Value, type ValueMap } from "./value.ts";

export interface Suite {
	readonly name: string;
	/** The text with its variables filled in, for goss; undefined when it takes other files in. */
	readonly rendered?: string;
	readonly resources: readonly Resource[];
}

const MOST_FILES = 100;

/**
 * @param wanted name of a suite of nodebuild's, or a file
 * @throws NodebuildError USAGE for an unknown name, SUITE_INVALID
 */
export async function loadSuite(wanted: string, vars: ValueMap): Promise<Suite> {
	const file = fileOf(wanted);
	const suite = readSuite(await readSuiteFile(file), file, vars);
	const name = basename(file, extname(file));
	if (suite.includes.length === 0) return { name, rendered: suite.rendered, resources: suite.resources };
	return { name, resources: [...(await new Merger(vars).merged(file, suite)).values()] };
}

/** A suite and those that it takes in, as goss merges them (store.go): of a resource, the one that is read last counts. */
class Merger {
	readonly #vars: ValueMap;
	#files = 0;

	constructor(vars: ValueMap) {
		this.#vars = vars;
	}

	/** @param within the suites that led here, which are not taken in again */
	async merged(
		file: string,
		{ resources, includes }: SuiteText,
		within: readonly string[] = [],
	): Promise<Map<string, Resource>> {
		const merged = new Map(resources.map((resource) => [keyOf(resource), resource]));
		const chain = [...within, resolve(file)];
		for (const { file: name, at } of includes) {
			const path = isAbsolute(name) ? name : join(dirname(file), name);
			if (chain.includes(resolve(path))) continue;
			if (!existsSync(path))
				throw suiteInvalid(`expected a suite at ${path}, got nothing there`, at, "Name files one by one.");
			if (++this.#files > MOST_FILES) throw suiteInvalid(`expected at most ${MOST_FILES} suites to be taken in`, at);
			const suite = readSuite(await readSuiteFile(path), path, this.#vars);
			for (const [key, resource] of await this.merged(path, suite, chain)) merged.set(key, resource);
		}
		return merged;
	}
}

function keyOf({ type, name }: Resource): string {
	return `${type} ${name}`;
}

/** Variables of files (YAML or JSON), in order, then those of the command line. @throws NodebuildError USAGE */
export async function suiteVars(files: readonly string[], given: Readonly<Record<string, string>>): Promise<ValueMap> {
	let vars: ValueMap = {};
	for (const file of files) {
		let content: Value;
		try {
			content = parse(await readFile(file, "utf8"), { merge: true }) as Value;
		} catch (error) {
			throw noVars(file, messageOf(error), error);
		}
		if (!isMap(content)) throw noVars(file, "it is no map");
		vars = { ...vars, ...content };
	}
	return { ...vars, ...Object.fromEntries(Object.entries(given).map(([name, text]) => [name, scalarOf(text)])) };
}

/** As YAML has it, like goss's --vars-inline: false is not taken for true. A version such as 1.30 keeps its digits. */
function scalarOf(text: string): Value {
	if (/^(?:true|True|TRUE|false|False|FALSE)$/.test(text)) return text.toLowerCase() === "true";
	if (text !== "" && String(Number(text)) === text && Number.isFinite(Number(text))) return Number(text);
	if (!/^(?:"[\s\S]*"|'[\s\S]*')$/.test(text)) return text;
	const { contents, errors } = parseDocument(text);
	return errors.length === 0 && isScalar(contents) ? String(contents.value) : text;
}

function noVars(file: string, got: string, cause?: unknown): NodebuildError {
	return new NodebuildError({
		code: "USAGE",
		message: `expected variables as YAML or JSON in ${file}: ${got}`,
		hint: "write one a line, such as kubernetes_version: 1.34.2",
		cause,
	});
}

function fileOf(wanted: string): string {
	if (/[/]|\.(?:ya?ml|json)$/.test(wanted)) return wanted;
	const folder = suitesFolder();
	const file = join(folder, `${wanted}.yaml`);
	if (/^[\w-]+$/.test(wanted) && existsSync(file)) return file;
	const names = existsSync(folder) ? readdirSync(folder).map((name) => basename(name, ".yaml")) : [];
	const meant = nearest(wanted, names);
	const guess = meant === undefined ? "" : ` Did you mean ${meant}?`;
	throw new NodebuildError({
		code: "USAGE",
		message: `there is no suite called "${wanted}"`,
		hint: `suites are ${names.join(", ") || "none yet"}; a file is named with its ending, such as ${wanted}.yaml.${guess}`,
	});
}

/** nodefiles/suites of the package, from dist/ as from src/build/suite/. */
function suitesFolder(): string {
	let folder = import.meta.dirname;
	while (!existsSync(join(folder, "nodefiles", "suites")) && dirname(folder) !== folder) folder = dirname(folder);
	return join(folder, "nodefiles", "suites");
}

async function readSuiteFile(file: string): Promise<string> {
	try {
		return await readFile(file, "utf8");
	} catch (error) {
		throw new NodebuildError({
			code: "USAGE",
			message: `the suite ${file} cannot be read: ${messageOf(error)}`,
			hint: "name a file in goss's format, or a suite that comes with nodebuild",
			cause: error,
		});
	}
}
