import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { bundle, tempDir } from "./child.ts";

async function reader(source: string) {
	const script = await bundle(await tempDir(), `import { readStdin } from "./src/system/stdin.ts";\n${source}`);
	return spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] });
}

test("standard input can be read by several, whole", async () => {
	const child = await reader(`
		const { signal } = new AbortController();
		console.log(JSON.stringify([String(await readStdin(signal, 99)), String(await readStdin(signal, 99))]));`);
	child.stdin.write("FROM debian:12\n");
	child.stdin.end("RUN echo gr\u00fcn\n");
	const whole = "FROM debian:12\nRUN echo gr\u00fcn\n";
	expect(JSON.parse(await text(child.stdout))).toEqual([whole, whole]);
});

test("a wait for standard input can be ended", async () => {
	const child = await reader(`
		const stop = new AbortController();
		process.on("SIGINT", () => stop.abort());
		const reading = readStdin(stop.signal, 99);
		console.log("reading");
		await reading.catch(({ name }) => console.log(name));`);
	child.stdout.once("data", () => child.kill("SIGINT"));
	expect(await text(child.stdout)).toContain("AbortError");
});
