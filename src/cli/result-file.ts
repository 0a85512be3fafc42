/** Small files with results that an option names: --iidfile, --junit. */
import { constants } from "node:fs";
import { access, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { messageOf, NodebuildError } from "../errors.ts";

export interface ResultFile {
	/** "--iidfile" */
	readonly option: string;
	/** As the user wrote it. */
	readonly path: string;
	readonly cwd: string;
}

/**
 * Whether the file can be written, as far as that can be known before the work.
 * @throws NodebuildError OUTPUT_FAILED
 */
export async function requireWritable(file: ResultFile): Promise<void> {
	const path = resolve(file.cwd, file.path);
	const found = await stat(path).catch(() => undefined);
	if (found?.isDirectory() === true) throw isFolder(file);
	try {
		if (found === undefined) await access(`${dirname(path)}/.`);
		await access(found === undefined ? dirname(path) : path, constants.W_OK);
	} catch (error) {
		throw notWritten(file, error, "nothing was done yet: name a file in a folder that you may write to");
	}
}

/** @throws NodebuildError OUTPUT_FAILED; `hint` says what is not lost. */
export async function writeResult(file: ResultFile, text: string, hint: string): Promise<void> {
	const path = resolve(file.cwd, file.path);
	try {
		await writeFile(path, text);
	} catch (error) {
		throw notWritten(file, error, hint);
	}
}

function isFolder({ option, path }: ResultFile): NodebuildError {
	return new NodebuildError({
		code: "OUTPUT_FAILED",
		message: `expected ${option} to name a file to write, got the folder ${path}`,
		hint: "give the file's name too",
	});
}

function notWritten({ option, path }: ResultFile, cause: unknown, hint: string): NodebuildError {
	return new NodebuildError({
		code: "OUTPUT_FAILED",
		message: `the file ${path} (${option}) could not be written: ${messageOf(cause)}`,
		hint,
		cause,
	});
}
