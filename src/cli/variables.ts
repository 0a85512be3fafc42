/** Files of variables: --var-file, and those that PACKER_VAR_FILES names before them. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { messageOf, NodebuildError } from "../errors.ts";
import type { BuildOptions } from "../build/types.ts";
import type { Io } from "./io.ts";

/** Least first. @throws NodebuildError USAGE for a file that is no JSON object. */
export function readVariables(
	files: readonly string[],
	io: Pick<Io, "env" | "cwd">,
): NonNullable<BuildOptions["variables"]> {
	const inherited = (io.env.PACKER_VAR_FILES ?? "").split(/\s+/).filter((file) => file !== "");
	return [...inherited, ...files].flatMap((file) =>
		Object.entries(readObject(file, io)).map(([name, value]) => ({ name, value, from: `the file ${file}` })),
	);
}

function readObject(file: string, io: Pick<Io, "cwd">): JsonObject {
	let value: unknown;
	try {
		// A byte-order mark is no part of the text.
		value = JSON.parse(readFileSync(resolve(io.cwd, file), "utf8").replace(/^\uFEFF/, ""));
	} catch (error) {
		throw refuse(file, messageOf(error), error);
	}
	if (isObject(value)) return ofTemplate(value);
	throw refuse(file, `it holds ${Array.isArray(value) ? "a list" : "a bare value"}`);
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Packer's templates have their variables under one name, beside builders and the like. */
function ofTemplate(value: JsonObject): JsonObject {
	const { variables, ...others } = value;
	return isObject(variables) ? { ...others, ...variables } : value;
}

const isObject = (value: unknown): value is JsonObject =>
	typeof value === "object" && value !== null && !Array.isArray(value);

function refuse(file: string, why: string, cause?: unknown): NodebuildError {
	return new NodebuildError({
		code: "USAGE",
		message: `expected ${file} to be a JSON object of variables: ${why}`,
		hint: 'for example {"extra_debs": "nfs-common", "kubernetes_semver": "v1.34.2"}; --var-file and PACKER_VAR_FILES name such files',
		cause,
	});
}
