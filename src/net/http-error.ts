/** Failures of a connection, told apart from answers that are no good. */

/** The connection failed or broke: worth another try, or another source. */
export class HttpConnectionError extends Error {
	override readonly name = "HttpConnectionError";
	readonly url: string;
	/** The system's code, as ENOTFOUND or ECONNREFUSED; ETIMEDOUT for our own limits. */
	readonly code: string | undefined;

	constructor(url: string, cause: unknown) {
		const code = codeOf(cause);
		super(`${describe(code)} (${new URL(url).host})`, { cause });
		this.url = url;
		this.code = code;
	}

	/** A name that does not exist or a port that nobody listens on will not get better within seconds. */
	get isHopeless(): boolean {
		return this.code === "ENOTFOUND" || this.code === "ECONNREFUSED";
	}
}

const WORDS: Readonly<Record<string, string>> = {
	ENOTFOUND: "the host's name is unknown here",
	EAI_AGAIN: "the host's name could not be looked up",
	ECONNREFUSED: "the connection was refused",
	ECONNRESET: "the connection was cut",
	ETIMEDOUT: "no answer in time",
	EHOSTUNREACH: "the host cannot be reached",
	ENETUNREACH: "the network cannot be reached",
	EPIPE: "the connection was cut",
};

function describe(code: string | undefined): string {
	return code === undefined ? "the connection failed" : (WORDS[code] ?? `the connection failed with ${code}`);
}

/** The code of an error; of the first one in an AggregateError (several addresses tried), which has none itself. */
function codeOf(error: unknown): string | undefined {
	if (!(error instanceof Error)) return undefined;
	if ("code" in error && typeof error.code === "string") return error.code;
	return error instanceof AggregateError ? codeOf(error.errors[0]) : undefined;
}
