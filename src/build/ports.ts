/** What an exposed port of a machine says to somebody who connects. */
import { get } from "node:http";
import type { Guest } from "../guest/types.ts";

/** Milliseconds for an answer. */
const TIMEOUT = 10_000;
/** Bytes of a body that are read. */
const LONGEST = 4096;

/**
 * Shell that waits until something listens on a TCP port at an address that others can reach:
 * state 0A is LISTEN, the addresses left out are 127.0.0.1 and ::1 (proc(5), /proc/net/tcp).
 */
export function listenScript(port: number): string {
	const hex = port.toString(16).toUpperCase().padStart(4, "0");
	return `for try in $(seq 60); do
	grep -h -E '^ *[0-9]+: [0-9A-F]+:${hex} [0-9A-F]+:0000 0A' /proc/net/tcp /proc/net/tcp6 2>/dev/null |
		grep -q -v -E '^ *[0-9]+: (0100007F|0{24}01000000):' && exit 0
	sleep 0.5
done
exit 1`;
}

/** Passed when something listens there; the detail is its HTTP answer, when it gives one. */
export async function answerOf(
	guest: Guest,
	port: string,
	hostPort: number,
): Promise<{ passed: boolean; detail: string }> {
	const listening = await guest.capture({ argv: ["/bin/sh", "-c", listenScript(Number.parseInt(port, 10))] });
	if (listening.status !== 0) return { passed: false, detail: "nothing listens there that can be reached" };
	return { passed: true, detail: (await httpAnswer(hostPort)) ?? "something listens there" };
}

/** Undefined when it does not speak HTTP. An answer that does not end is told as far as it came. */
function httpAnswer(port: number): Promise<string | undefined> {
	return new Promise((resolve) => {
		const signal = AbortSignal.timeout(TIMEOUT);
		const request = get({ host: "127.0.0.1", port, path: "/", agent: false, signal }, (response) => {
			let body = "";
			const told = (): void => {
				const text = body.trim().split("\n").slice(0, 5).join("\n");
				resolve(`HTTP ${response.statusCode ?? 0}${text === "" ? "" : `: ${text}`}`);
				request.destroy();
			};
			response.setEncoding("utf8");
			response.on("data", (data: string) => {
				body = (body + data).slice(0, LONGEST);
				if (body.length === LONGEST) told();
			});
			response.on("end", told);
			response.on("error", told);
		});
		request.on("error", () => resolve(undefined));
	});
}
