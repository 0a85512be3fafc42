/** Text for people: durations, widths, tables. Sizes: formatBytes of system/files.ts. */

/** "0.4s", "12.3s", "2m05s"; docker's style. */
export function formatDuration(milliseconds: number): string {
	const seconds = milliseconds / 1000;
	if (seconds < 100) return `${seconds.toFixed(1)}s`;
	const whole = Math.round(seconds);
	return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, "0")}s`;
}

/** "3 hours ago", from milliseconds. */
export function formatAge(milliseconds: number): string {
	const steps: readonly (readonly [name: string, size: number])[] = [
		["day", 86_400_000],
		["hour", 3_600_000],
		["minute", 60_000],
		["second", 1000],
	];
	for (const [name, size] of steps) {
		const count = Math.floor(milliseconds / size);
		if (count >= 1) return `${count} ${name}${count === 1 ? "" : "s"} ago`;
	}
	return "just now";
}

/** First 12 hex digits, as docker shows ids. */
export function shortId(digest: string): string {
	return digest.replace(/^sha256:/, "").slice(0, 12);
}

const ZERO_WIDTH = /\p{Mark}|\p{Default_Ignorable_Code_Point}/u;
/** East Asian wide and emoji blocks, coarse: counting one too many only cuts a line earlier. */
const WIDE =
	/[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}|[\u{20000}-\u{3fffd}]/u;

function widthOfCharacter(character: string): number {
	if (character >= " " && character <= "~") return 1;
	if (ZERO_WIDTH.test(character)) return 0;
	return WIDE.test(character) ? 2 : 1;
}

/** Columns that a text without control characters takes on a terminal. */
export function displayWidth(text: string): number {
	let width = 0;
	for (const character of text) width += widthOfCharacter(character);
	return width;
}

/** Rows that a text takes on a terminal of so many columns; a wide character is never split over two. */
export function displayRows(text: string, columns: number): number {
	let rows = 1;
	let column = 0;
	for (const character of text) {
		const width = widthOfCharacter(character);
		if (column + width > columns) {
			rows++;
			column = 0;
		}
		column += width;
	}
	return rows;
}

/** The text cut to at most `columns` columns, with an ellipsis where something is missing. */
export function truncate(text: string, columns: number): string {
	if (displayWidth(text) <= columns) return text;
	if (columns < 4) return ".".repeat(Math.max(0, columns));
	let width = 0;
	let kept = "";
	for (const character of text) {
		width += widthOfCharacter(character);
		if (width > columns - 3) break;
		kept += character;
	}
	return `${kept}...`;
}

/** A title on one line: a heredoc's line breaks become spaces. */
export function oneLine(text: string): string {
	return text.replace(/\s*[\r\n]+\s*/g, " ").trim();
}

/** Columns padded to their widest cell, three spaces between, docker's look. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const all = [head, ...rows];
	const widths = head.map((_, column) => Math.max(...all.map((row) => displayWidth(row[column] ?? ""))));
	const line = (row: readonly string[]): string =>
		row
			.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - displayWidth(cell)))
			.join("   ")
			.trimEnd();
	return `${all.map(line).join("\n")}\n`;
}
