import * as z from "zod";
import { facts, milliseconds, resourceKind, sh } from "../kind.ts";
import { MatcherError } from "../matchers.ts";

/** The answer's status and the length of its headers, then headers and body. */
const HTTP = `command -v curl >/dev/null || exit 3
folder=$(mktemp -d) || exit
trap 'rm -rf "$folder"' EXIT
status=$(curl --silent --show-error --config - --dump-header "$folder/headers" --output "$folder/body" --write-out '%{http_code}') || exit 4
touch "$folder/headers" "$folder/body"
echo "$status $(wc -c < "$folder/headers")"
cat "$folder/headers" "$folder/body"`;

/** Asked from within the machine, by its curl. */
export const http = resourceKind({
	parameters: {
		url: z.string().optional(),
		"allow-insecure": z.boolean().default(false),
		"no-follow-redirects": z.boolean().default(false),
		timeout: milliseconds(5000),
		"request-headers": z.array(z.string()).default([]),
		"request-body": z.string().optional(),
		username: z.string().optional(),
		password: z.string().default(""),
		"ca-file": z.string().optional(),
		"cert-file": z.string().optional(),
		"key-file": z.string().optional(),
		proxy: z.string().optional(),
		method: z.string().optional(),
	},
	properties: { status: "number", headers: "text", body: "text" },
	check(name, { url }) {
		if (!/^https?:\/\/\S+$/.test(url ?? name))
			throw new MatcherError(
				`expected an http:// or https:// address, got ${url ?? name}`,
				url === undefined ? [] : ["url"],
			);
	},
	async find({ name, parameters }, probe) {
		// On standard input: a password is not to be seen in the machine's list of processes.
		const { status, stdout, stderr } = await sh(probe, HTTP, [], { stdin: curlConfig(name, parameters) });
		if (status === 3) return facts({}, "expected curl in the machine, got none");
		if (status !== 0) return facts({}, stderr.trim());
		const end = stdout.indexOf("\n");
		const [code, length] = stdout.slice(0, end).split(" ");
		const answer = Buffer.from(stdout.slice(end + 1));
		return facts({
			status: Number(code),
			headers: answer.subarray(0, Number(length)).toString().replaceAll("\r", ""),
			body: answer.subarray(Number(length)).toString(),
		});
	},
});

interface Request {
	readonly [name: string]: unknown;
	readonly timeout: number;
	readonly "request-headers": readonly string[];
}

function curlConfig(name: string, request: Request): string {
	const line = (option: string, value: unknown) =>
		value === undefined || value === "" ? [] : [`${option} = ${JSON.stringify(String(value))}`];
	const login = request.username === undefined ? undefined : `${request.username}:${request.password}`;
	return [
		...line("url", request.url ?? name),
		...line("max-time", request.timeout / 1000),
		...line("request", request.method),
		...line("user", login),
		...line("cacert", request["ca-file"]),
		...line("cert", request["cert-file"]),
		...line("key", request["key-file"]),
		...line("proxy", request.proxy),
		...line("data-raw", request["request-body"]),
		...request["request-headers"].flatMap((header) => line("header", header)),
		...(request["allow-insecure"] === true ? ["insecure"] : []),
		...(request["no-follow-redirects"] === true ? [] : ["location"]),
	].join("\n");
}
