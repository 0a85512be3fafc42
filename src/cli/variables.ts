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

function readObject(file: string, io: Pick<Io, "cwd">): object {
	let value: unknown;
	try {
		value = JSON.parse(readFileSync(resolve(io.cwd, file), "utf8"));
	} catch (error) {
		throw refuse(file, messageOf(error), error);
	}
	if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
	throw refuse(file, `it holds ${Array.isArray(value) ? "a list" : "a bare value"}`);
}

function refuse(file: string, why: string, cause?: unknown): NodebuildError {
	return new NodebuildError({
		code: "USAGE",
		message: `expected ${file} to be a JSON object of variables: ${why}`,
		hint: 'for example {"extra_debs": "nfs-common", "kubernetes_semver": "v1.34.2"}; --var-file and PACKER_VAR_FILES name such files',
		cause,
	});
}
