/** From what `--suite` says to suites: those that come with nodebuild, and files; and the variables for them. */
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { parse } from "yaml";
import { messageOf, NodebuildError } from "../../errors.ts";
import { nearest } from "../../nodefile/suggest.ts";
import { suiteInvalid } from "./place.ts";
import { type Include, type Resource, readSuite } from "./read.ts";
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
	const text = await readSuiteFile(file);
	const { rendered, resources, includes } = readSuite(text, file, vars);
	const name = basename(file, extname(file));
	if (includes.length === 0) return { name, rendered, resources };
	return { name, resources: [...resources, ...(await includedResources(file, includes, vars))] };
}

async function includedResources(file: string, includes: readonly Include[], vars: ValueMap): Promise<Resource[]> {
	const resources: Resource[] = [];
	const seen = new Set([resolve(file)]);
	const open = includes.map((include) => ({ include, from: file }));
	for (let next = open.shift(); next !== undefined; next = open.shift()) {
		const { include, from } = next;
		const path = join(dirname(from), include.file);
		if (seen.has(resolve(path))) continue;
		seen.add(resolve(path));
		if (!existsSync(path) || seen.size > MOST_FILES)
			throw suiteInvalid(`expected a suite at ${path}, got nothing there`, include.at, "Name files one by one.");
		const found = readSuite(await readSuiteFile(path), path, vars);
		resources.push(...found.resources);
		open.push(...found.includes.map((each) => ({ include: each, from: path })));
	}
	return resources;
}

/** Variables of files (YAML or JSON), in order, then those of the command line. @throws NodebuildError USAGE */
export async function suiteVars(files: readonly string[], given: Readonly<Record<string, string>>): Promise<ValueMap> {
	let vars: ValueMap = {};
	for (const file of files) {
		let content: Value;
		try {
			content = parse(await readFile(file, "utf8")) as Value;
		} catch (error) {
			throw noVars(file, messageOf(error), error);
		}
		if (!isMap(content)) throw noVars(file, "it is no map");
		vars = { ...vars, ...content };
	}
	return { ...vars, ...given };
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
