/** Writes base-map.schema.json from the zod schema in src/plan/base-map.ts; --check only compares. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { build } from "esbuild";

const target = fileURLToPath(new URL("../base-map.schema.json", import.meta.url));
const bundle = await build({
	entryPoints: [fileURLToPath(new URL("../src/plan/base-map.ts", import.meta.url))],
	bundle: true,
	format: "esm",
	platform: "node",
	write: false,
});
const source = Buffer.from(bundle.outputFiles[0]?.contents ?? "").toString("base64");
const { baseMapJsonSchema } = await import(`data:text/javascript;base64,${source}`);
const text = `${JSON.stringify(baseMapJsonSchema(), null, 2)}\n`;

if (process.argv.includes("--check")) {
	const published = JSON.parse(await readFile(target, "utf8"));
	if (!isDeepStrictEqual(published, JSON.parse(text))) {
		console.error("base-map.schema.json is not what src/plan/base-map.ts says: run node scripts/base-map-schema.mjs");
		process.exitCode = 1;
	}
} else {
	await writeFile(target, text);
}
