/** The host's apt sources: both formats of sources.list(5), and which of them is a distribution's archive. */

export interface AptSource {
	readonly types: readonly string[];
	readonly uris: readonly string[];
	readonly suites: readonly string[];
	readonly components: readonly string[];
	/** Signed-By: paths, or an embedded key's text. */
	readonly signedBy?: string;
	/** Check-Valid-Until: no, which users of a frozen mirror set. */
	readonly frozen?: true;
}

/** How apt spells no. */
const NO = /^(no|false|off|0|without|disable)$/i;

/** The enabled entries of a file in deb822 format (`*.sources`). */
export function parseDeb822(text: string): readonly AptSource[] {
	return text.split(/\n(?:[ \t]*\n)+/).flatMap((paragraph) => {
		const fields = fieldsOf(paragraph);
		const words = (name: string): readonly string[] =>
			(fields.get(name) ?? "").split(/\s+/).filter((word) => word !== "");
		const enabled = !NO.test(fields.get("enabled") ?? "yes");
		if (!enabled || words("uris").length === 0) return [];
		const signedBy = fields.get("signed-by");
		const frozen = NO.test(fields.get("check-valid-until") ?? "");
		return [
			{
				types: words("types"),
				uris: words("uris"),
				suites: words("suites"),
				components: words("components"),
				...(signedBy === undefined ? {} : { signedBy }),
				...(frozen ? { frozen } : {}),
			},
		];
	});
}

function fieldsOf(paragraph: string): ReadonlyMap<string, string> {
	const fields = new Map<string, string>();
	let current: string | undefined;
	for (const line of paragraph.split("\n")) {
		if (line.startsWith("#")) continue;
		const start = /^([A-Za-z0-9-]+):[ \t]*(.*)$/.exec(line);
		if (start?.[1] !== undefined) {
			current = start[1].toLowerCase();
			fields.set(current, (start[2] ?? "").trim());
		} else if (current !== undefined && /^[ \t]/.test(line)) {
			fields.set(current, `${fields.get(current) ?? ""}\n${line.trim()}`.trim());
		}
	}
	return fields;
}

/** The entries of a one-line file (`sources.list`, `*.list`). */
export function parseOneLine(text: string): readonly AptSource[] {
	return text.split("\n").flatMap((line) => {
		const match = /^\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)/.exec(line);
		if (match === null) return [];
		const [, type = "", options = "", uri = "", suite = "", components = ""] = match;
		const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(options)?.[1];
		const frozen = NO.test(/(?:^|\s)check-valid-until=(\S+)/.exec(options)?.[1] ?? "");
		return [
			{
				types: [type],
				uris: [uri],
				suites: [suite],
				components: components.split(/\s+/).filter((word) => word !== ""),
				...(signedBy === undefined ? {} : { signedBy }),
				...(frozen ? { frozen } : {}),
			},
		];
	});
}

export interface Archives {
	/** Address of the main archive: what comes before /dists. */
	readonly main: string;
	/** Address of the security archive; undefined when the host uses none. */
	readonly security?: string;
	/** The host takes the archive's indexes however old they are, as those of a snapshot. */
	readonly frozen: boolean;
}

type Distribution = "debian" | "ubuntu";

/** Ends of an archive's address; a snapshot's date may follow (snapshot.debian.org and its mirrors). */
const MAIN = { debian: /\/debian(\/\d{8}T\d{6}Z)?\/*$/, ubuntu: /\/ubuntu(-ports)?(\/\d{8}T\d{6}Z)?\/*$/ } as const;
const SECURITY = /\/debian-security(\/\d{8}T\d{6}Z)?\/*$/;
const OWN_KEY = { debian: /debian-archive/, ubuntu: /ubuntu-archive/ } as const;

/**
 * The mirror of a distribution's own archive among a host's sources. Other vendors' repositories end in
 * "/debian" as well, so an entry counts only with the component main, and with the archive's own keyring
 * where it names one.
 */
export function findArchives(sources: readonly AptSource[], distribution: Distribution): Archives | undefined {
	const own = sources.filter(
		({ types, components, signedBy }) =>
			types.includes("deb") &&
			components.includes("main") &&
			(signedBy === undefined || OWN_KEY[distribution].test(signedBy)),
	);
	const address = (pattern: RegExp, of: readonly AptSource[]): string | undefined =>
		of
			.flatMap(({ uris }) => uris)
			.find((uri) => pattern.test(uri))
			?.replace(/\/+$/, "");
	const frozen = own.some((source) => source.frozen === true);
	const signedFirst = [...own].sort((a, b) => Number(b.signedBy !== undefined) - Number(a.signedBy !== undefined));
	const main = address(MAIN[distribution], signedFirst);
	if (main === undefined) return undefined;
	const security =
		distribution === "debian"
			? address(SECURITY, signedFirst)
			: address(
					MAIN.ubuntu,
					signedFirst.filter(({ suites }) => suites.some((suite) => suite.endsWith("-security"))),
				);
	return security === undefined ? { main, frozen } : { main, security, frozen };
}

/** One paragraph of deb822 per archive. */
export function formatSources(
	archives: readonly { readonly uri: string; readonly suites: readonly string[] }[],
	components: readonly string[],
	keyring: string,
	frozen: boolean,
): string {
	return archives
		.map(
			({ uri, suites }) =>
				`Types: deb\nURIs: ${uri}\nSuites: ${suites.join(" ")}\nComponents: ${components.join(" ")}\nSigned-By: ${keyring}\n${frozen ? "Check-Valid-Until: no\n" : ""}`,
		)
		.join("\n");
}
