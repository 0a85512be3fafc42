/**
 * What a Nodefile says is in its image: the files below /usr/share/nodebuild, which nodebuild's Kubernetes Nodefiles
 * write. They stand in the image's record, so that nobody has to boot it to know. Pure.
 */

/** Lines by file, its name relative to the folder: "kubernetes/images". */
export type Contents = Readonly<Record<string, readonly string[]>>;

const FOLDER = "/usr/share/nodebuild";
const MARK = "content of";
/** Lines of one file; what is longer is no list for people. */
const LINES = 2000;

/** For `sh`: prints every line of every file with a mark and the file's name before it. Starts no program. */
export function contentsScript(folder = FOLDER): string {
	return `for file in ${folder}/*/*; do
	case $file in *[!a-zA-Z0-9._/-]*) continue ;; esac
	[ -f "$file" ] && [ ! -L "$file" ] || continue
	count=0
	while [ $count -lt ${LINES} ] && { IFS= read -r line || [ -n "$line" ]; }; do
		printf '${MARK} %s:%s\\n' "\${file#${folder}/}" "$line"
		count=$((count + 1))
	done < "$file"
done
`;
}

/** The same for the program that waits in a guest (guest/agent/seal-program.ts). */
export const CONTENTS_ROW: readonly string[] = ["contents", FOLDER, MARK, String(LINES)];

/** Takes the marked lines out of what a script printed. */
export function readContents(printed: string): { readonly contents: Contents; readonly others: readonly string[] } {
	const contents: Record<string, string[]> = {};
	const others: string[] = [];
	for (const line of printed.split("\n")) {
		const [, name, text] = new RegExp(`^${MARK} ([\\w./-]+):(.*)$`).exec(line) ?? [];
		if (name === undefined || text === undefined) others.push(line);
		else if (Object.hasOwn(contents, name)) contents[name]?.push(text);
		else contents[name] = [text];
	}
	return { contents, others: others.filter((line) => line !== "") };
}
