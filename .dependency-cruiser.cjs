/**
 * The import directions of docs/architecture.md, as rules. `npm run lint` checks them;
 * test/unit/scripts/import-rules.test.ts shows for each that it fires.
 */

/** What each folder of src may import besides itself and the common files. Downwards only. */
const PURE = {
	nodefile: [],
	instructions: ["nodefile"],
	plan: ["instructions", "nodefile"],
	profiles: ["nodefile"],
};
const TEXT = ["plan", "instructions", "nodefile"];
const LOWER = ["guest", "layers", "context", ...TEXT];
const EFFECTFUL = {
	system: [],
	net: [],
	guest: TEXT,
	layers: TEXT,
	context: TEXT,
	machine: LOWER,
	bases: ["net", ...LOWER],
	remote: ["net", ...LOWER],
	image: LOWER,
	ansible: LOWER,
	output: LOWER,
	build: ["profiles", "machine", "bases", "remote", "image", "ansible", "output", ...LOWER],
	cli: ["build", "machine", "bases", "image", "output", ...LOWER],
};

/** Any folder may import these. */
const COMMON = "errors|digest|events";

/** Modules of node that neither read nor change anything outside the program. */
const HARMLESS_NODE = "path|path/posix|util|buffer|string_decoder|url|assert|querystring";

/** The one pure file that loads a package late, for the sake of a quick start. */
const LOADS_LATE = "src/nodefile/ast\\.ts";

const directions = [
	...Object.entries(PURE).map(([folder, lower]) => direction(folder, lower)),
	...Object.entries(EFFECTFUL).map(([folder, lower]) => direction(folder, [...lower, "system"])),
];

/** @param {string} folder @param {string[]} lower */
function direction(folder, lower) {
	return {
		name: `direction-${folder}`,
		severity: "error",
		comment: `src/${folder} may import ${[...lower, "the common files"].join(", ")} and nothing else of src`,
		from: { path: `^src/${folder}/` },
		to: { path: "^src/", pathNot: `^src/((${[folder, ...lower].join("|")})/|(${COMMON})\\.ts$)` },
	};
}

/** @param {string} module @param {string} file */
function onlyIn(module, file) {
	return {
		name: `only-one-knows-${module}`,
		severity: "error",
		comment: `${file} is the only file that knows ${module}; use what it exports`,
		from: { path: "^src/", pathNot: `^${file.replaceAll(".", "\\.")}$` },
		to: { path: `(^|/)node_modules/(@types/)?${module}/|^${module}(/|$)` },
	};
}

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
	forbidden: [
		...directions,
		{
			name: "common-files-stand-alone",
			severity: "error",
			comment: "what everything imports may import nothing that imports it; events.ts names steps by their type",
			from: { path: `^src/(${COMMON})\\.ts$` },
			to: { path: "^src/", pathNot: `^src/((${COMMON})|plan/types)\\.ts$` },
		},
		{
			name: "common-files-import-types-only",
			severity: "error",
			comment: "of the plan, the common files may know the types only",
			from: { path: `^src/(${COMMON})\\.ts$` },
			to: { path: "^src/plan/types\\.ts$", dependencyTypesNot: ["type-only"] },
		},
		{
			name: "pure-folders-have-no-effects",
			severity: "error",
			comment: "nodefile, instructions and plan turn text and digests into data: no node: module that has effects",
			from: { path: `^src/((${Object.keys(PURE).join("|")})/|(${COMMON})\\.ts$)`, pathNot: `^${LOADS_LATE}$` },
			to: { dependencyTypes: ["core"], pathNot: `^(node:)?(${HARMLESS_NODE}|crypto)$` },
		},
		{
			name: "ast-loads-late",
			severity: "error",
			comment: "nodefile/ast.ts loads dockerfile-ast when it is first needed, which takes node:module and nothing more",
			from: { path: `^${LOADS_LATE}$` },
			to: { dependencyTypes: ["core"], pathNot: `^(node:)?(${HARMLESS_NODE}|module)$` },
		},
		{
			name: "pure-folders-hash-through-digest",
			severity: "error",
			comment: "src/digest.ts is where the pure part hashes; node:crypto has random numbers as well",
			from: { path: `^src/(${Object.keys(PURE).join("|")})/` },
			to: { dependencyTypes: ["core"], path: "^(node:)?crypto$" },
		},
		onlyIn("dockerfile-ast", "src/nodefile/ast.ts"),
		onlyIn("ssh2", "src/guest/(ssh|key-agent).ts"),
		onlyIn("execa", "src/system/process.ts"),
		{
			name: "sibling-providers",
			severity: "error",
			comment: "a provider may not import another provider",
			from: { path: "^src/machine/([^/]+)/" },
			to: { path: "^src/machine/[^/]+/", pathNot: "^src/machine/$1/" },
		},
		{
			name: "sibling-outputs",
			severity: "error",
			comment: "an output may not import another output; what they share is in a file that is no output",
			from: { path: "^src/output/(qcow2|raw|vmdk|vhd|vhdx|ova|oci|docker|catalog)\\.ts$" },
			to: { path: "^src/output/(qcow2|raw|vmdk|vhd|vhdx|ova|oci|docker|catalog)\\.ts$" },
		},
		{
			name: "sibling-commands",
			severity: "error",
			comment: "a command may not import another command; what they share is in src/cli",
			from: { path: "^src/cli/commands/[^/]+\\.ts$", pathNot: "^src/cli/commands/index\\.ts$" },
			to: { path: "^src/cli/commands/[^/]+\\.ts$" },
		},
		{
			name: "no-cycles",
			severity: "error",
			comment: "two files that need each other are one file, or three",
			from: {},
			to: { circular: true },
		},
		{
			name: "resolvable",
			severity: "error",
			comment: "every import must lead somewhere",
			from: {},
			to: { couldNotResolve: true },
		},
	],
	options: {
		doNotFollow: { path: "node_modules" },
		tsPreCompilationDeps: true,
		tsConfig: { fileName: "tsconfig.json" },
		enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
		skipAnalysisNotInRules: true,
	},
};
