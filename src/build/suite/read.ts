/** A suite's text, in goss's format, into what is to be looked at. */
import { type Document, isMap as isYamlMap, isNode, parseDocument, visit } from "yaml";
import * as z from "zod";
import type { NodebuildError, SourceLocation } from "../../errors.ts";
import { nearest } from "../../nodefile/suggest.ts";
import type { Finder, ResourceKind } from "./kind.ts";
import { MatcherError, matcher } from "./matchers.ts";
import { type Path, SuitePlaces, suiteInvalid } from "./place.ts";
import { RESOURCES } from "./resources/index.ts";
import { render, TemplateFault } from "./template.ts";
import { isMap, type Test, type Value, type ValueMap } from "./value.ts";

export interface Expectation {
	readonly property: string;
	readonly expected: Value;
	readonly test: Test;
}

/** One thing to look at. */
export interface Resource {
	/** "file", "service", ... */
	readonly type: string;
	/** Its key: "/etc/passwd". */
	readonly name: string;
	readonly title?: string;
	readonly skip: boolean;
	readonly expectations: readonly Expectation[];
	readonly presence?: string;
	readonly find: Finder;
	readonly at: SourceLocation;
}

/** Another suite that one takes in. */
export interface Include {
	readonly file: string;
	readonly at: SourceLocation;
}

export interface SuiteText {
	/** With the variables filled in. */
	readonly rendered: string;
	readonly resources: readonly Resource[];
	readonly includes: readonly Include[];
}

/** Attributes of every resource. */
const COMMON = z.object({
	title: z.string().optional(),
	meta: z.unknown().optional(),
	skip: z.boolean().default(false),
});
const COMMON_NAMES = Object.keys(COMMON.shape);
const TYPES = [...Object.keys(RESOURCES), "gossfile"];
const INCLUDE = z.strictObject({ file: z.string().optional(), skip: z.boolean().default(false) });

/**
 * @param file name used in messages
 * @throws NodebuildError SUITE_INVALID at the line
 */
export function readSuite(source: string, file: string, vars: ValueMap): SuiteText {
	return new SuiteReader(source, file, vars).read();
}

class SuiteReader {
	readonly #places: SuitePlaces;
	readonly #rendered: string;
	readonly #document: Document.Parsed;

	constructor(source: string, file: string, vars: ValueMap) {
		const rendered = renderedText(source, file, vars);
		this.#places = new SuitePlaces(file, source, rendered);
		this.#rendered = rendered.text;
		const counter = this.#places.counter;
		this.#document = parseDocument(rendered.text, { lineCounter: counter, prettyErrors: false, merge: true });
		const [error] = this.#document.errors;
		if (error !== undefined)
			throw suiteInvalid(`the suite is no YAML: ${error.message}`, this.#places.offset(error.pos[0]));
	}

	read(): SuiteText {
		const content = this.#content();
		if (!isMap(content)) throw this.#fault("expected a map of resources, such as file, service or command", []);
		const resources: Resource[] = [];
		const includes: Include[] = [];
		for (const [type, things] of Object.entries(content)) {
			const kind = Object.hasOwn(RESOURCES, type) ? RESOURCES[type] : undefined;
			if (kind === undefined && type !== "gossfile") {
				if (this.#anchors(type)) continue;
				throw this.#unknownType(type);
			}
			// A type with everything below it taken out.
			if (things === null) continue;
			if (!isMap(things)) throw this.#fault(`expected ${type} to have a map of what to look at`, [type]);
			// goss takes files in by the order of their keys; the last one of a resource counts.
			const entries = Object.entries(things);
			if (kind === undefined) entries.sort(([one], [other]) => (one < other ? -1 : 1));
			for (const [name, attributes] of entries) {
				if (kind !== undefined) resources.push(this.#resource(kind, type, name, attributes));
				else includes.push(...this.#include(name, attributes));
			}
		}
		return { rendered: this.#rendered, resources, includes };
	}

	#content(): Value {
		try {
			return this.#document.toJS() as Value;
		} catch (error) {
			// Too many aliases, say.
			throw this.#fault(`the suite cannot be read: ${error instanceof Error ? error.message : error}`, []);
		}
	}

	#resource(kind: ResourceKind, type: string, name: string, attributes: Value): Resource {
		const path = [type, name];
		const own = attributes ?? {};
		if (!isMap(own)) throw this.#fault(`expected ${type} ${name} to have attributes`, path);
		this.#checkNames(kind, own, path);
		const { title, skip } = this.#checked(path, () => COMMON.parse(own));
		return {
			type,
			name,
			...(title === undefined ? {} : { title }),
			skip,
			expectations: this.#expectations(kind, own, path),
			...(kind.presence === undefined ? {} : { presence: kind.presence }),
			find: this.#checked(path, () => kind.bind(name, own)),
			at: this.#places.path(this.#document.contents, path),
		};
	}

	#expectations(kind: ResourceKind, own: ValueMap, path: Path): Expectation[] {
		return Object.entries(kind.properties).flatMap(([property, form]) => {
			const expected = Object.hasOwn(own, property) ? (own[property] ?? null) : null;
			if (expected === null) return [];
			return [{ property, expected, test: this.#checked([...path, property], () => matcher(expected, form)) }];
		});
	}

	#checkNames(kind: ResourceKind, own: ValueMap, path: Path): void {
		const known = [...Object.keys(kind.properties), ...kind.parameters, ...COMMON_NAMES];
		const wrong = Object.keys(own).find((name) => !known.includes(name));
		if (wrong === undefined) return;
		const meant = nearest(wrong, known);
		const guess = meant === undefined ? "" : ` (did you mean ${meant}?)`;
		throw this.#fault(
			`unknown attribute "${wrong}" of ${path[0]}${guess}`,
			[...path, wrong],
			`It knows ${known.join(", ")}.`,
		);
	}

	#include(name: string, attributes: Value): Include[] {
		const path = ["gossfile", name];
		const { file = name, skip } = this.#checked(path, () => INCLUDE.parse(attributes ?? {}));
		return skip ? [] : [{ file, at: this.#places.path(this.#document.contents, path) }];
	}

	/** Gives what zod and the matchers find their place. */
	#checked<Result>(path: Path, read: () => Result): Result {
		try {
			return read();
		} catch (error) {
			if (error instanceof MatcherError) throw this.#fault(error.message, [...path, ...error.path], error.hint);
			if (!(error instanceof z.ZodError)) throw error;
			const [issue] = error.issues;
			const inner = (issue?.path ?? []).map((step) => (typeof step === "symbol" ? String(step) : step));
			throw this.#fault(`${inner.join(".") || path.join(" ")}: ${issue?.message}`, [...path, ...inner]);
		}
	}

	/** A key of one's own that something is taken from by aliases; goss leaves it alone. A misspelt resource is none. */
	#anchors(type: string): boolean {
		const root = this.#document.contents;
		const value = isYamlMap(root) ? root.get(type, true) : undefined;
		if (isNode(value) && value.anchor !== undefined) return true;
		if (!isNode(value) || nearest(type, TYPES) !== undefined) return false;
		let found = false;
		visit(value, {
			Value: (_, { anchor }) => {
				found ||= anchor !== undefined;
			},
		});
		return found;
	}

	#unknownType(type: string): NodebuildError {
		const meant = nearest(type, TYPES);
		const guess = meant === undefined ? "" : ` (did you mean ${meant}?)`;
		return this.#fault(`unknown resource "${type}"${guess}`, [type], `Resources are ${TYPES.join(", ")}.`);
	}

	#fault(message: string, path: Path, hint?: string): NodebuildError {
		return suiteInvalid(message, this.#places.path(this.#document.contents, path), hint);
	}
}

function renderedText(source: string, file: string, vars: ValueMap) {
	try {
		return render(source, vars);
	} catch (error) {
		if (!(error instanceof TemplateFault)) throw error;
		const places = new SuitePlaces(file, source, { text: "", lines: [] });
		throw suiteInvalid(error.message, places.line(error.line), error.hint);
	}
}
