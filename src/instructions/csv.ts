import { Fault } from "./fault.ts";

/**
 * The fields of one line of comma-separated values, as Go's encoding/csv reads them: a field may stand in double
 * quotes, a quote in it is doubled, and a quote anywhere else is an error.
 * @throws Fault
 */
export function splitCsv(text: string): string[] {
	if (text === "") throw fault(text, "EOF");
	const fields: string[] = [];
	let rest = text;
	for (;;) {
		const field = /^"((?:[^"]|"")*)"(?=,|$)|^[^",]*(?=,|$)/.exec(rest);
		if (field === null) {
			throw fault(
				text,
				rest.startsWith('"') ? 'extraneous or missing " in quoted-field' : 'bare " in non-quoted field',
			);
		}
		const [whole, quoted] = field;
		fields.push(quoted === undefined ? whole : quoted.replaceAll('""', '"'));
		if (whole.length === rest.length) return fields;
		rest = rest.slice(whole.length + 1);
	}
}

function fault(text: string, what: string): Fault {
	return new Fault({
		message: `failed to parse csv mounts: ${what}`,
		part: text,
		hint: "Write --mount=type=TYPE,target=PATH with further options after commas.",
	});
}
