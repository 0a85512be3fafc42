/** Folders with a Nodefile and its context. They lie in the run's folder and are removed with it. */
import { chmod, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { inject } from "vitest";

export interface Project {
	readonly folder: string;
	/** Absolute path of the Nodefile, for `-f`. */
	readonly nodefile: string;
	/** Absolute path of a file in it. */
	path(name: string): string;
	/** Write a file again; directories are made. */
	write(name: string, content: string | Uint8Array, mode?: number): Promise<void>;
}

/** A folder with this Nodefile and these files. */
export async function makeProject(
	nodefile: string,
	files: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<Project> {
	const folder = await mkdtemp(join(inject("work"), "project-"));
	const project: Project = {
		folder,
		nodefile: join(folder, "Nodefile"),
		path: (name) => join(folder, name),
		write: async (name, content, mode = 0o644) => {
			const path = join(folder, name);
			await mkdir(dirname(path), { recursive: true });
			await writeFile(path, content);
			await chmod(path, mode);
		},
	};
	await project.write("Nodefile", nodefile);
	for (const [name, content] of Object.entries(files)) await project.write(name, content);
	return project;
}
