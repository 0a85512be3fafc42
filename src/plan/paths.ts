/** Paths in a guest, by Go's rules (path/filepath on Linux), which BuildKit's results follow. */

/** Go's filepath.Clean: no `.`, no `..` that can be resolved, no doubled or trailing slash. */
export function cleanPath(path: string): string {
	const rooted = path.startsWith("/");
	const out: string[] = [];
	for (const part of path.split("/")) {
		if (part === "" || part === ".") continue;
		if (part !== "..") out.push(part);
		else if (out.length > 0 && out.at(-1) !== "..") out.pop();
		else if (!rooted) out.push("..");
	}
	const joined = out.join("/");
	return rooted ? `/${joined}` : joined || ".";
}

/** Go's filepath.Join: empty parts are left out, the result is clean; "" when nothing is left. */
export function joinPath(...parts: readonly string[]): string {
	const joined = parts.filter((part) => part !== "").join("/");
	return joined === "" ? "" : cleanPath(joined);
}

/** WORKDIR as BuildKit keeps it in the configuration: an absolute path stays as written, slashes included. */
export function resolveWorkdir(current: string, path: string): string {
	const parent = current === "" ? "/" : current.startsWith("/") ? current : joinPath("/", current);
	if (path === "") return parent;
	return path.startsWith("/") ? path : joinPath(parent, path);
}

/** Destination of a COPY: absolute and clean, with a trailing slash where it was said to be a directory. */
export function resolveDestination(workdir: string, dest: string): string {
	const path = cleanPath(dest.startsWith("/") ? dest : `/${workdir}/${dest}`);
	const directory = dest === "" || dest === "." || dest.endsWith("/") || dest.endsWith("/.");
	return directory && path !== "/" ? `${path}/` : path;
}

/** Last element of a path, Go's path.Base. */
export function basePath(path: string): string {
	const clean = cleanPath(path);
	return clean === "/" ? "/" : clean.slice(clean.lastIndexOf("/") + 1);
}
