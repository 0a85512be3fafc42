/** What an exposed port of a machine says to somebody who connects. */
import { get } from "node:http";
import type { Guest } from "../guest/types.ts";

/** Milliseconds for an answer. */
const TIMEOUT = 10_000;

/** Passed when something listens there; the detail is its HTTP answer, when it gives one. */
export async function answerOf(
	guest: Guest,
	port: string,
	hostPort: number,
): Promise<{ passed: boolean; detail: string }> {
	const number = Number.parseInt(port, 10);
	const hex = number.toString(16).toUpperCase().padStart(4, "0");
	// State 0A is LISTEN (proc(5), /proc/net/tcp).
	const wait = `for try in $(seq 60); do
	grep -q -h -E '^ *[0-9]+: [0-9A-F]+:${hex} [0-9A-F]+:0000 0A' /proc/net/tcp /proc/net/tcp6 2>/dev/null && exit 0
	sleep 0.5
done
exit 1`;
	const listening = await guest.capture({ argv: ["/bin/sh", "-c", wait] });
	if (listening.status !== 0) return { passed: false, detail: "nothing listens there" };
	return { passed: true, detail: (await httpAnswer(hostPort)) ?? "something listens there" };
}

/** Undefined when it does not speak HTTP. */
function httpAnswer(port: number): Promise<string | undefined> {
	return new Promise((resolve) => {
		const request = get({ host: "127.0.0.1", port, path: "/", timeout: TIMEOUT, agent: false }, (response) => {
			let body = "";
			response.setEncoding("utf8");
			response.on("data", (data: string) => {
				body = (body + data).slice(0, 4096);
			});
			response.on("end", () => {
				const text = body.trim().split("\n").slice(0, 5).join("\n");
				resolve(`HTTP ${response.statusCode ?? 0}${text === "" ? "" : `: ${text}`}`);
			});
			response.on("error", () => resolve(undefined));
		});
		request.on("timeout", () => request.destroy());
		request.on("error", () => resolve(undefined));
	});
}
