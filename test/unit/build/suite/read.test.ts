import { mkdir, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FUNCTION_NAMES } from "../../../../src/build/suite/functions.ts";
import { loadSuite, suiteVars } from "../../../../src/build/suite/load.ts";
import { readSuite } from "../../../../src/build/suite/read.ts";
import { RESOURCES } from "../../../../src/build/suite/resources/index.ts";
import { NodebuildError } from "../../../../src/errors.ts";
import { tempDir } from "../../system/child.ts";

const SUITE = `file:
  /etc/passwd:
    exists: true
    mode: "0644"
    title: accounts
kernel-param:
  net.ipv4.ip_forward: {value: "1"}
package:
  kubelet:
    installed: true
    versions: [{{.Vars.version}}]
command:
  off: {exec: "false", exit-status: 1, skip: true}
`;

const read = (text: string, vars = {}) => readSuite(text, "suite.yaml", vars);

function refusal(text: string, vars = {}): NodebuildError {
	try {
		read(text, vars);
	} catch (error) {
		if (error instanceof NodebuildError) return error;
		throw error;
	}
	throw new Error(`expected a refusal:\n${text}`);
}

test("a suite is what is looked at, each with what is expected", () => {
	const { resources } = read(SUITE, { version: "1.34.2" });
	const rows = resources.map(({ type, name, skip, expectations, at }) => [
		`${at.line} ${type} ${name}${skip ? " skipped" : ""}`,
		expectations.map(({ property, expected }) => `${property}=${JSON.stringify(expected)}`),
	]);
	expect(rows).toEqual([
		["2 file /etc/passwd", ["exists=true", 'mode="0644"']],
		["7 kernel-param net.ipv4.ip_forward", ['value="1"']],
		["9 package kubelet", ["installed=true", 'versions=["1.34.2"]']],
		["13 command off skipped", ["exit-status=1"]],
	]);
	expect(resources[0]?.title).toBe("accounts");
});

test("resources without anything, anchors and JSON are as in goss", () => {
	expect(read("file:\n").resources).toEqual([]);
	expect(read('{"service": {"ssh": {"running": true}}}').resources).toHaveLength(1);
	expect(read("user:\n  a: &a {exists: true}\n  b: {<<: *a, uid: 1}\n").resources[1]?.expectations).toHaveLength(2);
});

test("keys of one's own that hold what is taken from there are left alone", () => {
	const suite = `kubernetes_version: &version
  versions: [{match-regexp: '^\\Q1.34.2-1.1\\E$'}]
port_number: &number 6443
defaults:
  usual: &usual {installed: true}
package:
  kubelet: {<<: [*usual, *version]}
`;
	const [resource] = read(suite).resources;
	expect(resource?.expectations.map(({ property }) => property)).toEqual(["installed", "versions"]);
});

describe("is refused at its place", () => {
	test.each([
		["fille:\n  /a: &a {exists: true}\n", 1, 1, 'unknown resource "fille" (did you mean file?)'],
		["kubernetes_version: 1.34.2\n", 1, 1, 'unknown resource "kubernetes_version"'],
		["fiel:\n  /a: {exists: true}\n", 1, 1, 'unknown resource "fiel" (did you mean file?)'],
		["file:\n  /a:\n    exist: true\n", 3, 5, 'unknown attribute "exist" of file (did you mean exists?)'],
		["file: [a]\n", 1, 1, "expected file to have a map of what to look at"],
		["file:\n  /a: true\n", 2, 3, "expected file /a to have attributes"],
		["file:\n  /a:\n    mode: {have-prefx: '0'}\n", 3, 12, 'unknown matcher "have-prefx" (did you mean have-prefix?)'],
		["mount:\n  /:\n    usage:\n      lt: most\n", 4, 7, 'expected a number, got "most"'],
		["file:\n  /a:\n    contents:\n    - fine\n    - /(/\n", 5, 7, 'expected a regular expression, got "/(/"'],
		["command:\n  x: {exit-status: zero}\n", 2, 7, 'expected a number, got "zero"'],
		["command:\n  x:\n    exit-status: {not: one}\n", 3, 19, 'expected a number, got "one"'],
		["command:\n  x:\n    exit-status:\n      or: [0, two]\n", 4, 15, 'expected a number, got "two"'],
		["command:\n  x: {exit-status: true}\n", 2, 7, "expected a number, got true"],
		["file:\n  /a: {exists: yes}\n", 2, 8, 'expected true or false, got "yes"'],
		["service:\n  a: {running: 1}\n", 2, 7, "expected true or false, got 1"],
		["package:\n  a:\n    installed: 'on'\n", 3, 5, 'expected true or false, got "on"'],
		["user:\n  a: {uid: root}\n", 2, 7, 'expected a number, got "root"'],
		["port:\n  ssh: {listening: true}\n", 2, 3, "expected a port such as tcp:22 or udp6:53, got ssh"],
		["port:\n  tcp:99999: {listening: true}\n", 2, 3, "expected a port such as tcp:22 or udp6:53, got tcp:99999"],
		["port:\n  ssh:\n    port: sctp:22\n", 3, 5, "expected a port such as tcp:22 or udp6:53, got sctp:22"],
		[
			"addr:\n  10.0.0.1:80: {reachable: true}\n",
			2,
			3,
			"expected an address such as tcp://10.0.0.1:80, got 10.0.0.1:80",
		],
		["http:\n  example.org: {status: 200}\n", 2, 3, "expected an http:// or https:// address, got example.org"],
		["command:\n  x:\n    timeout: soon\n", 3, 5, "timeout: Invalid input: expected number, received string"],
		["file:\n  /a: {exists: true}\n  /a: {exists: true}\n", 3, 3, "the suite is no YAML: Map keys must be unique"],
		["file:\n  /a: {exists: true\n", 3, 1, "the suite is no YAML: "],
		["- a\n", 1, 1, "expected a map of resources, such as file, service or command"],
		["file:\n  /{{.Vars.none}}: {exists: true}\n", 2, 1, "expected the variable none to have a value, got none"],
		["{{if .Vars.none}}\na\n{{end}}\nfiel: {}\n", 4, 1, 'unknown resource "fiel" (did you mean file?)'],
	])("%j", (text, line, column, message) => {
		const error = refusal(text);
		expect(error.message).toContain(message);
		expect(error).toMatchObject({ code: "SUITE_INVALID", at: { file: "suite.yaml", line, column } });
		expect(error.at?.text).toBe(text.split("\n")[line - 1]);
	});
});

test("variables may give texts of true, false and numbers", () => {
	const suite = 'service:\n  a: {running: "{{.Vars.on}}"}\ncommand:\n  x: {exit-status: "{{.Vars.status}}"}\n';
	expect(read(suite, { on: true, status: 3 }).resources).toHaveLength(2);
});

test("docs/suites.md has every resource with what is compared, and its example is read", () => {
	const text = readFileSync("docs/suites.md", "utf8");
	const rows = [...text.matchAll(/^\| `([a-z-]+)` \(`[a-z]+`\) \| ([^|]*) \|/gm)];
	const documented = Object.fromEntries(rows.map(([, name, properties]) => [name, properties]));
	expect(Object.keys(documented).toSorted()).toEqual(Object.keys(RESOURCES).sort());
	// Names that goss had before, and one that only other init systems have.
	const untold = ["contains", "resolveable", "runlevels"];
	for (const [name, { properties }] of Object.entries(RESOURCES)) {
		const names = Object.keys(properties).filter((property) => !untold.includes(property));
		expect(documented[name]).toBe(names.map((property) => `\`${property}\``).join(", "));
	}
	const [, example = ""] = /```yaml\n([\s\S]*?)```/.exec(text) ?? [];
	expect(read(example, { kubernetes_version: "1.34.2" }).resources).toHaveLength(7);
	const [, known = ""] = /^Known are ([\s\S]*?);/m.exec(text) ?? [];
	const named = [...known.matchAll(/`(\w+)`/g)].map(([, name]) => name);
	expect(named.toSorted()).toEqual(["and", "or", ...FUNCTION_NAMES].toSorted());
});

describe("files", () => {
	test("take others in, and fill in the variables of files and the command line", async () => {
		const folder = await tempDir();
		const write = (name: string, text: string) => writeFile(join(folder, name), text);
		await mkdir(join(folder, "more"));
		await write(
			"suite.yaml",
			"gossfile:\n  more/users.yaml: {}\n  off.yaml: {skip: true}\nfile:\n  /{{.Vars.a}}: {exists: true}\n",
		);
		await write("more/users.yaml", "gossfile:\n  ../suite.yaml: {}\nuser:\n  {{.Vars.b}}: {exists: true}\n");
		await write("vars.yaml", "a: one\nmore: &more {b: two}\n<<: *more\n");
		await write("vars.json", '{"b": "three"}');
		expect(await suiteVars([join(folder, "vars.yaml")], {})).toEqual({ a: "one", b: "two", more: { b: "two" } });
		const vars = await suiteVars([join(folder, "vars.yaml"), join(folder, "vars.json")], { a: "four" });
		const { name, rendered, resources } = await loadSuite(join(folder, "suite.yaml"), vars);
		expect(resources.map(({ type, name: key }) => `${type} ${key}`)).toEqual(["file /four", "user three"]);
		expect([name, rendered]).toEqual(["suite", undefined]);
	});

	test("have variables of the command line as YAML has them", async () => {
		const given = { off: "false", no: "FALSE", zero: "0", many: "-1.5", version: "1.30", id: "007", text: "a: b" };
		const quoted = { quoted: '"false"', single: "'0'", half: '"a', two: '"a" or "b"', empty: "" };
		expect(await suiteVars([], { ...given, ...quoted })).toEqual({
			off: false,
			no: false,
			zero: 0,
			many: -1.5,
			version: "1.30",
			id: "007",
			text: "a: b",
			quoted: "false",
			single: "0",
			half: '"a',
			two: '"a" or "b"',
			empty: "",
		});
		const suite = "{{if .Vars.off}}file: {/a: {exists: true}}{{end}}";
		expect(readSuite(`package: {}\n${suite}\n`, "s", await suiteVars([], given)).resources).toEqual([]);
	});

	test("by an absolute path, and of a resource that several have the last one counts, whole", async () => {
		const folder = await tempDir();
		const write = (name: string, text: string) => writeFile(join(folder, name), text);
		const absolute = join(folder, "z.yaml");
		await write(
			"suite.yaml",
			`gossfile:\n  ${absolute}: {}\n  b.yaml: {}\n  a.yaml: {}\nfile:\n  /a: {exists: true}\n  /b: {mode: "0644", exists: true}\n`,
		);
		await write("a.yaml", "gossfile:\n  c.yaml: {}\nfile:\n  /b: {exists: false}\n  /c: {size: 1}\n");
		await write("b.yaml", "gossfile:\n  c.yaml: {}\nfile:\n  /c: {size: 2}\n");
		await write("c.yaml", "file:\n  /d: {exists: false}\n");
		await write("z.yaml", "file:\n  /z: {exists: true}\n");
		const { resources } = await loadSuite(join(folder, "suite.yaml"), {});
		const rows = resources.map(({ name, expectations }) => {
			return `${name} ${expectations.map(({ property, expected }) => `${property}=${expected}`).join(" ")}`;
		});
		expect(rows.toSorted()).toEqual([
			"/a exists=true",
			"/b exists=false",
			"/c size=2",
			"/d exists=false",
			"/z exists=true",
		]);
	});

	test("that are not there are told", async () => {
		const folder = await tempDir();
		await writeFile(join(folder, "suite.yaml"), "gossfile:\n  none.yaml: {}\n");
		await expect(loadSuite(join(folder, "suite.yaml"), {})).rejects.toMatchObject({
			code: "SUITE_INVALID",
			at: { line: 2 },
		});
		await expect(loadSuite(join(folder, "none.yaml"), {})).rejects.toMatchObject({ code: "USAGE" });
		await expect(loadSuite("no-such-suite", {})).rejects.toMatchObject({ code: "USAGE" });
		await expect(suiteVars([join(folder, "none")], {})).rejects.toMatchObject({ code: "USAGE" });
	});
});
