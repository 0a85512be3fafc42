/**
 * Draws what `npm run bench` has measured: bars as SVG, and the figures as a table in docs/performance.md.
 *
 *   node bench/plot.mjs [bench.json]
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { median } from "./support.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** @type {{ date: string; machine: { cores: number; model: string; node: string }; seconds: Record<string, Record<string, number[]>> }} */
const { date, machine, seconds } = JSON.parse(readFileSync(process.argv[2] ?? "bench.json", "utf8"));
const tools = Object.keys(seconds);
const rows = [...new Set(tools.flatMap((tool) => Object.keys(seconds[tool] ?? {})))];
const builds = rows.filter((row) => !row.includes(":"));

const BAR = 18;
const LABEL = 170;
const WIDTH = 760;
/** One colour a tool; told apart in grey and by colour-blind eyes (Okabe and Ito). */
const COLOURS = ["#0072b2", "#009e73", "#e69f00", "#cc79a7", "#56b4e9"];

/** @param {string} tool @param {string} what */
const figure = (tool, what) => median(seconds[tool]?.[what] ?? []);

/** @param {string} text */
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

function chart() {
	const longest = Math.max(
		...builds.flatMap((what) => tools.map((tool) => figure(tool, what))).filter(Number.isFinite),
	);
	const scale = (WIDTH - LABEL - 90) / longest;
	const lines = [];
	let y = 10;
	for (const what of builds) {
		lines.push(`<text x="0" y="${y + 14}" font-weight="bold">${escaped(what)}</text>`);
		y += 22;
		for (const [index, tool] of tools.entries()) {
			const value = figure(tool, what);
			if (!Number.isFinite(value)) continue;
			const width = Math.max(1, value * scale).toFixed(1);
			lines.push(
				`<text x="${LABEL - 8}" y="${y + 13}" text-anchor="end">${escaped(tool)}</text>`,
				`<rect x="${LABEL}" y="${y}" width="${width}" height="${BAR - 3}" fill="${COLOURS[index % COLOURS.length]}"/>`,
				`<text x="${LABEL + Number(width) + 6}" y="${y + 13}">${value.toFixed(2)} s</text>`,
			);
			y += BAR;
		}
		y += 10;
	}
	const style = 'font-family="sans-serif" font-size="12" fill="#222"';
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" ${style}>\n<title>Seconds of each build, by tool</title>\n<rect width="100%" height="100%" fill="#fff"/>\n${lines.join("\n")}\n</svg>\n`;
}

/** @param {string} tool @param {string} what */
function cell(tool, what) {
	const value = figure(tool, what);
	if (!Number.isFinite(value)) return "";
	const ours = figure("nodebuild", what);
	return tool === "nodebuild" || !Number.isFinite(ours)
		? value.toFixed(2)
		: `${value.toFixed(2)} (${(value / ours).toFixed(1)}x)`;
}

function table() {
	const head = `| seconds | ${tools.join(" | ")} |\n| --- |${" --- |".repeat(tools.length)}`;
	const body = rows.map((what) => `| ${what} | ${tools.map((tool) => cell(tool, what)).join(" | ")} |`);
	const rounds = Math.max(...tools.flatMap((tool) => Object.values(seconds[tool] ?? {}).map(({ length }) => length)));
	const where = `${date.slice(0, 10)}: ${machine.cores} cores (${machine.model}), Node.js ${machine.node}; medians of ${rounds}.`;
	return `${where}\n\n${[head, ...body].join("\n")}\n\n![The reference build](performance/reference.svg)`;
}

const page = join(root, "docs/performance.md");
const marks = /(<!-- figures -->\n)[\s\S]*?(\n<!-- end of figures -->)/;
const text = readFileSync(page, "utf8");
if (!marks.test(text)) throw new Error(`expected the marks "figures" and "end of figures" in ${page}`);
mkdirSync(join(root, "docs/performance"), { recursive: true });
writeFileSync(join(root, "docs/performance/reference.svg"), chart());
writeFileSync(
	page,
	text.replace(marks, (_, begin, end) => `${begin}${table()}${end}`),
);
