/**
 * Bundle src/cli/main.ts and every package it uses into dist/.
 *
 *   node scripts/build.mjs [--readable]      with the names of the sources, for the stack trace of an internal error
 *
 * Everything is bundled, so the published package has no dependencies: installing it compiles and downloads nothing,
 * and the command starts in half the time (docs/adr/0002-bundle-everything.md has the figures). ssh2's two optional
 * native parts stay out: ssh2 asks for them in a try block and does without.
 */
import { spawnSync } from "node:child_process";
import {
	chmodSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { rememberCompiled, sourcesStamp } from "./setup/sources.mjs";

const require = createRequire(import.meta.url);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const entry = join(root, "src/cli/main.ts");
const dist = join(root, "dist");

/** What a build loads on its way to the first command: scripts/code-cache.mjs does too. */
const LATE = ["build/stages.ts", "machine/qemu/start.ts", "build/seal.ts", "output/deliver.ts"];

/** @type {import("esbuild").Plugin} */
const withoutNativeParts = {
	name: "without-native-parts",
	setup(builder) {
		builder.onResolve({ filter: /\.node$|^cpu-features$/ }, (args) => ({ path: args.path, external: true }));
	},
};

/** Parts of Node.js that a build in which nothing changed does not use; loading them takes milliseconds. */
const LATE_BUILTINS = ["child_process", "fs/promises", "zlib", "perf_hooks", "module", "readline", "timers/promises"];

/** Those that are not enumerable among them, as zlib's Z_FINISH; not what any function has. @param {object} builtin */
const namesOf = (builtin) =>
	Object.getOwnPropertyNames(builtin).filter(
		(name) => typeof builtin !== "function" || !["length", "name", "prototype"].includes(name),
	);

/** Each of them is loaded when something of it is first asked for. @type {import("esbuild").Plugin} */
const lateBuiltins = {
	name: "late-builtins",
	setup(builder) {
		const filter = new RegExp(`^(?:node:)?(?:${LATE_BUILTINS.join("|")})$`);
		builder.onResolve({ filter }, ({ path, namespace }) =>
			namespace === "late"
				? { path, external: true }
				: { path: path.replace(/^(?:node:)?/, "node:"), namespace: "late" },
		);
		builder.onLoad({ filter: /./, namespace: "late" }, ({ path }) => ({
			contents: [
				`const names = ${JSON.stringify(namesOf(require(path)))};`,
				`const get = (name) => () => require(${JSON.stringify(path)})[name];`,
				"for (const name of names) Object.defineProperty(exports, name, { enumerable: true, get: get(name) });",
			].join("\n"),
		}));
	},
};

/** Folders of the packages that went into the bundle, by name. @param {import("esbuild").Metafile} metafile */
function bundledPackages(metafile) {
	const packages = new Map();
	for (const input of Object.keys(metafile.inputs)) {
		const [, folder, name] = /^((?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(input) ?? [];
		if (folder !== undefined && name !== undefined) packages.set(name, resolve(root, folder));
	}
	return [...packages].sort();
}

/** The licences of what is bundled, which they ask to be passed on. @param {readonly [string, string][]} packages */
function thirdPartyLicences(packages) {
	return packages
		.map(([name, folder]) => {
			const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
			const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
			const text = file === undefined ? "" : readFileSync(join(folder, file), "utf8").trim();
			return `${name} ${manifest.version} (${manifest.license ?? "see below"})\n\n${text}\n`;
		})
		.join(`\n${"-".repeat(80)}\n\n`);
}

if (!existsSync(entry)) {
	console.error("build: expected src/cli/main.ts, the program's entry, but there is no such file");
	process.exit(1);
}

const stamp = sourcesStamp(root);
// Written beside and moved: a build that runs meanwhile never sees a half-written program.
const fresh = join(root, `dist.${process.pid}.tmp`);
try {
	const result = await build({
		absWorkingDir: root,
		stdin: {
			contents: [
				`export const late = () => Promise.all([${LATE.map((file) => `import("./src/${file}")`).join(", ")}]);`,
				'import "./src/cli/main.ts";',
			].join("\n"),
			resolveDir: root,
		},
		outfile: join(fresh, "cli.js"),
		bundle: true,
		format: "cjs",
		platform: "node",
		target: "node20",
		// Late imports stay late: each file is evaluated when it is first asked for.
		supported: { "dynamic-import": false },
		charset: "ascii",
		// A tenth of an unchanged build, which reads, links and names all of it: docs/adr/0010-code-cache.md.
		minify: !process.argv.includes("--readable"),
		// Node shows the line of an error that nobody caught.
		lineLimit: 160,
		legalComments: "none",
		metafile: true,
		plugins: [withoutNativeParts, lateBuiltins],
		define: { "import.meta.url": "moduleUrl", "import.meta.dirname": "__dirname" },
		// scripts/launcher.cjs calls it with what node gives to CommonJS.
		banner: {
			js: [
				"(function (require, module, __filename, __dirname) {",
				'"use strict";',
				'const moduleUrl = require("node:url").pathToFileURL(__filename).href;',
			].join("\n"),
		},
		footer: { js: "})" },
		logLevel: "warning",
	});
	const program = join(fresh, "nodebuild.js");
	copyFileSync(join(root, "scripts/launcher.cjs"), program);
	chmodSync(program, 0o755);
	writeFileSync(join(fresh, "package.json"), '{ "type": "commonjs" }\n');
	const cached = spawnSync(process.execPath, [join(root, "scripts/code-cache.mjs"), fresh], {
		stdio: ["ignore", "ignore", "inherit"],
	});
	if (cached.status !== 0) throw new Error(`scripts/code-cache.mjs ended with ${cached.status ?? cached.signal}`);
	writeFileSync(join(fresh, "THIRD_PARTY_LICENSES.txt"), thirdPartyLicences(bundledPackages(result.metafile)));
	mkdirSync(dist, { recursive: true });
	rmSync(dist, { recursive: true });
	renameSync(fresh, dist);
	rememberCompiled(root, stamp);
} catch (error) {
	// What esbuild has against the sources it has printed itself, with the place.
	if (!(error instanceof Error && "errors" in error)) throw error;
	console.error("build: failed, dist is as it was");
	process.exitCode = 1;
} finally {
	rmSync(fresh, { recursive: true, force: true });
}
