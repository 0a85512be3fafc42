/** `--build-context name=value`, as docker build has it. */
import { resolve } from "node:path";
import { InvalidArgumentError } from "commander";
import type { NamedContext } from "../build/types.ts";
import { NodebuildError } from "../errors.ts";
import { whatLies } from "./what-lies.ts";

export type NamedContextOption = readonly [name: string, value: string];

export function parseBuildContext(text: string): NamedContextOption {
	const [, name, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
	if (name !== undefined && value !== undefined) return [name, value];
	throw new InvalidArgumentError("Expected NAME=PATH or NAME=IMAGE, such as assets=../assets or base=debian:12.");
}

/**
 * A folder that is there, else what FROM understands: an image of the store, a base, a disk's path or address.
 * @throws NodebuildError CONTEXT_INVALID for a path that leads nowhere, UNSUPPORTED for a git repository.
 */
export function namedContext([name, value]: NamedContextOption, cwd: string): NamedContext {
	const image = /^docker-image:\/\/(.+)$/.exec(value)?.[1];
	if (image !== undefined) return { kind: "image", ref: image };
	if (/^(git|ssh|oci-layout|target|input):|^git@|^https?:.*\.git(#|$)/.test(value)) throw unsupported(name, value);
	if (/^https?:/.test(value)) return { kind: "image", ref: value };
	const path = resolve(cwd, value);
	const kind = whatLies(path);
	if (kind === "folder") return { kind: "folder", path };
	if ((kind === "nothing" || kind === "file") && !/^\.{0,2}\//.test(value)) return { kind: "image", ref: value };
	if (kind === "file") return { kind: "image", ref: path };
	throw new NodebuildError({
		code: "CONTEXT_INVALID",
		message: `expected --build-context ${name} to be a folder, a disk or an image, got ${kind === "nothing" ? `${value}, which does not exist` : `${kind}: ${value}`}`,
		hint: `it is looked for from the current folder: ${path}`,
	});
}

function unsupported(name: string, value: string): NodebuildError {
	return new NodebuildError({
		code: "UNSUPPORTED",
		message: `expected --build-context ${name} to be a folder, a disk or an image, got ${value}`,
		hint: "clone or unpack it, and name the folder",
	});
}
