/** The product's own table of series; Node.js 20 reads no TypeScript, so it is compiled on the way. */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const result = await build({
	entryPoints: [fileURLToPath(new URL("../../src/profiles/kubernetes/releases.ts", import.meta.url))],
	bundle: true,
	format: "esm",
	write: false,
});
const code = Buffer.from(result.outputFiles[0]?.contents ?? []).toString("base64");

/** @type {{ SERIES: typeof import("../../src/profiles/kubernetes/releases.ts").SERIES }} */
export const { SERIES } = await import(`data:text/javascript;base64,${code}`);
