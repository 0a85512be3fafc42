/** docs/cli.md, "JSON progress": the event `error`. */
interface ErrorEvent {
	readonly type: string;
	readonly code: string;
	readonly message: string;
	readonly hint?: string;
	readonly details?: readonly string[];
	readonly at?: { readonly file: string; readonly line: number; readonly column: number; readonly text?: string };
}

/** Standard error, and after it the errors that are JSON there in the words that people get. */
export function readable(stderr: string): string {
	const events = stderr.split("\n").filter((line) => line.startsWith("{") && line.endsWith("}"));
	const errors = events.map((line) => JSON.parse(line) as ErrorEvent).filter(({ type }) => type === "error");
	return `${stderr}${errors.map(inWords).join("")}`;
}

function inWords({ code, message, hint, details = [], at }: ErrorEvent): string {
	const place = at === undefined ? [] : [`  --> ${at.file}:${at.line}:${at.column}`, `${at.line} | ${at.text ?? ""}`];
	const lines = [`error[${code}]: ${message}`, ...place, ...details];
	return `${[...lines, ...(hint === undefined ? [] : [`hint: ${hint}`])].join("\n")}\n`;
}
