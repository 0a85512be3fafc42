/** Failures of a connection, told apart from answers that are no good. */

/** An answer with which nothing can be done, in words for people; `again`: it may be another one in a while. */
export class HttpProblem extends Error {
	override readonly name = "HttpProblem";
	readonly again: boolean;

	constructor(message: string, { again }: { readonly again: boolean }) {
		super(message);
		this.again = again;
	}
}

/** A server in trouble: it may be well in a while. */
export function statusProblem(status: number): HttpProblem {
	return new HttpProblem(`the server answers with status ${status}`, { again: true });
}

/** What an address was asked through. */
export interface Way {
	/** The proxy, without its password. */
	readonly proxy?: string;
}

/** The connection failed or broke: worth another try, or another source. */
export class HttpConnectionError extends Error {
	override readonly name = "HttpConnectionError";
	readonly url: string;
	/** The system's code, as ENOTFOUND or ECONNREFUSED; ETIMEDOUT for our own limits. */
	readonly code: string | undefined;
	/** A name that does not exist, a port that nobody listens on, or a refusal will not get better within seconds. */
	readonly isHopeless: boolean;
	/** A server or a proxy answered, but was in trouble. */
	readonly isTrouble: boolean;

	constructor(url: string, cause: unknown, { proxy }: Way = {}) {
		const code = codeOf(cause);
		const through = proxy === undefined ? "" : `, through the proxy ${proxy}`;
		super(`${cause instanceof HttpProblem ? cause.message : describe(code)} (${new URL(url).host}${through})`, {
			cause,
		});
		this.url = url;
		this.code = code;
		this.isHopeless =
			cause instanceof HttpProblem ? !cause.again : this.code === "ENOTFOUND" || this.code === "ECONNREFUSED";
		this.isTrouble = cause instanceof HttpProblem && cause.again;
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
