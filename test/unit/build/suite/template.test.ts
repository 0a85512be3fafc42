import { expect, test } from "vitest";
import { render, TemplateFault } from "../../../../src/build/suite/template.ts";

const vars = {
	version: "1.34.2",
	role: "worker",
	on: true,
	off: false,
	images: ["a", "b"],
	deep: { x: { y: 1 } },
	list: [],
};

test.each([
	["plain {text}", "plain {text}"],
	["v{{.Vars.version}} {{ .Vars.deep.x.y }}", "v1.34.2 1"],
	['{{.Vars.none | default "x"}} {{default "x" .Vars.version}} {{.Vars.none | default .Vars.role}}', "x 1.34.2 worker"],
	['{{if eq .Vars.role "worker"}}yes{{else}}no{{end}}', "yes"],
	['{{if eq .Vars.role "a" "b"}}yes{{else if .Vars.on}}maybe{{else}}no{{end}}', "maybe"],
	["{{if .Vars.none}}yes{{end}}{{if not .Vars.off}}no{{end}}{{if .Vars.list}}list{{end}}", "no"],
	[
		'{{if and .Vars.on (ne .Vars.role "x")}}1{{end}}{{if and .Vars.none .Vars.on}}2{{end}}{{if or .Vars.off .Vars.on}}3{{end}}',
		"13",
	],
	["{{range .Vars.images}}- {{.}}\n{{end}}{{range .Vars.list}}x{{else}}none{{end}}", "- a\n- b\nnone"],
	["a\n  {{- if .Vars.on}}\nb\n  {{- end}}\nc", "a\nb\nc"],
	["{{/* a comment */}}a", "a"],
])("%j", (source, expected) => {
	expect(render(source, vars).text).toBe(expected);
});

test("remembers where each line comes from", () => {
	const source = "one\n{{if .Vars.off}}\ntwo\n{{end}}three\n{{range .Vars.images}}\n{{.}}\n{{end}}last";
	const { text, lines } = render(source, vars);
	const origins = text.split("\n").map((line, index) => `${line} ${lines[index]}`);
	expect(origins).toEqual(["one 1", "three 4", " 5", "a 6", " 7", "b 6", "last 7"]);
});

test.each([
	["a\n{{.Vars.none}}", 2, "expected the variable none to have a value, got none"],
	["{{.Env.HOME}}", 1, "expected a variable such as .Vars.name in a template, got .Env.HOME"],
	["\n\n{{upper .Vars.role}}", 3, 'unknown function "upper" in a template'],
	["{{if .Vars.on}}a", 1, "{{if .Vars.on}} without {{end}}"],
	["a{{end}}", 1, "{{end}} without an if or range before it"],
	['{{eq "\\d" .Vars.on}}', 1, 'cannot read the text "\\d" in a template'],
	["{{}}", 1, "expected a variable such as .Vars.name in a template, got nothing"],
])("%j is refused at line %i", (source, line, message) => {
	try {
		render(source, vars);
	} catch (error) {
		if (!(error instanceof TemplateFault)) throw error;
		expect([error.line, error.message]).toEqual([line, message]);
		return;
	}
	throw new Error("expected an error");
});
