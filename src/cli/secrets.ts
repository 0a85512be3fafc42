/** `--secret` and `--ssh`, as docker build reads them (docker/buildx util/buildflags/secrets.go, ssh.go). */
import { accessSync, constants, existsSync } from "node:fs";
import { resolve } from "node:path";
import { InvalidArgumentError } from "commander";
import type { SecretSource } from "../build/types.ts";
import { messageOf } from "../errors.ts";
import { splitCsv } from "../instructions/csv.ts";
import type { Io } from "./io.ts";
import { whatLies } from "./what-lies.ts";

const KEYS = ["type", "id", "source", "src", "env"];

/** `id=NAME[,src=FILE|env=VARIABLE]`; without either, the variable of that name, or else the file. */
export function parseSecret(text: string, io: Pick<Io, "env" | "cwd">): readonly [string, SecretSource] {
	const fields = new Map<string, string>();
	for (const field of fieldsOf(text)) {
		const equals = field.indexOf("=");
		const key = field.slice(0, equals < 0 ? undefined : equals).toLowerCase();
		if (!KEYS.includes(key)) throw new InvalidArgumentError(`Unexpected "${key}"; known are ${KEYS.join(", ")}.`);
		if (equals < 0) throw new InvalidArgumentError(`Expected ${key}=VALUE, got "${field}".`);
		fields.set(key === "src" ? "source" : key, field.slice(equals + 1));
	}
	const id = fields.get("id") ?? "";
	const type = fields.get("type");
	if (id === "") throw new InvalidArgumentError("Expected id=NAME,src=FILE or id=NAME,env=VARIABLE.");
	if (type !== undefined && type !== "file" && type !== "env")
		throw new InvalidArgumentError(`Expected type=file or type=env, got "${type}".`);
	return [id, sourceOf(id, type, fields.get("source") ?? "", fields.get("env") ?? "", io)];
}

function fieldsOf(text: string): readonly string[] {
	try {
		return splitCsv(text);
	} catch (error) {
		throw new InvalidArgumentError(`Expected options separated by commas: ${messageOf(error)}.`);
	}
}

function sourceOf(
	id: string,
	type: string | undefined,
	source: string,
	env: string,
	{ env: variables, cwd }: Pick<Io, "env" | "cwd">,
): SecretSource {
	const implied = source === "" && env === "" && variables[id] !== undefined ? id : env;
	const variable = type === "env" && env === "" && source !== "" ? source : implied;
	if (variable !== "") {
		const value = variables[variable];
		if (value === undefined) throw new InvalidArgumentError(`The environment has no variable ${variable}.`);
		return { value };
	}
	const file = resolve(cwd, source === "" ? id : source);
	const kind = whatLies(file);
	if (kind === "nothing") throw new InvalidArgumentError(`The file ${file} does not exist.`);
	if (kind !== "file") throw new InvalidArgumentError(`Expected a file, got ${kind}: ${file}.`);
	requireReadable(file);
	return { file };
}

/** Now, and not when the step comes that asks for it. */
function requireReadable(file: string): void {
	try {
		accessSync(file, constants.R_OK);
	} catch (error) {
		throw new InvalidArgumentError(`The file ${file} cannot be read: ${messageOf(error)}.`);
	}
}

/** `default`, `id`, or `id=SOCKET` or `id=KEY[,KEY]`; without paths, the agent of SSH_AUTH_SOCK. */
export function parseSsh(text: string, { env, cwd }: Pick<Io, "env" | "cwd">): readonly [string, readonly string[]] {
	const equals = text.indexOf("=");
	const id = (equals < 0 ? text : text.slice(0, equals)) || "default";
	const written = equals < 0 ? "" : text.slice(equals + 1);
	const paths = written === "" ? [env.SSH_AUTH_SOCK ?? ""] : written.split(",");
	if (paths.includes(""))
		throw new InvalidArgumentError("No agent runs here: SSH_AUTH_SOCK is not set. Start one, or name a key: id=FILE.");
	const absolute = paths.map((path) => resolve(cwd, path));
	const missing = absolute.find((path) => !existsSync(path));
	if (missing !== undefined) throw new InvalidArgumentError(`There is no ${missing}.`);
	const folder = absolute.find((path) => whatLies(path) === "folder");
	if (folder !== undefined) throw new InvalidArgumentError(`Expected a socket or a key, got the folder ${folder}.`);
	absolute.forEach(requireReadable);
	return [id, absolute];
}
