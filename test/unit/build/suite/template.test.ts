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
	one: ["foo"],
	count: 3,
	debian: { "common-package": { curl: null, "b-package": { versions: ["1.0"] } } },
	releases: [
		{ version: "11", package: { a: null } },
		{ version: "12", package: { b: null } },
	],
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
	["contents: {{.Vars.one}} {{.Vars.images}} {{.Vars.deep}}", 'contents: ["foo"] ["a","b"] {"x":{"y":1}}'],
	['{{index .Vars.images 1}} {{index .Vars.deep "x" "y"}} {{(index .Vars.deep "x").y}}', "b 1 1"],
	["{{range $index, $image := .Vars.images}}{{$index}}={{$image}}{{.}} {{end}}", "0=aa 1=bb "],
	[
		'{{range $name, $more := index .Vars "debian" "common-package"}}{{$name}}{{range $key, $value := $more}} {{$key}}: {{$value}}{{end}};{{end}}',
		'b-package versions: ["1.0"];curl;',
	],
	[
		'{{$wanted := "12"}}{{range $one := .Vars.releases}}{{if eq $wanted (index $one "version")}}{{range $name, $_ := $one.package}}{{$name}}{{end}}{{end}}{{end}}',
		"b",
	],
	["{{range .Vars.images}}{{.}}{{$.Vars.role}}{{end}}", "aworkerbworker"],
	["{{$x := 1}}{{if .Vars.on}}{{$x = 2}}{{$y := 3}}{{end}}{{$x}}", "2"],
	["{{$x := 1}}{{if .Vars.on}}{{$x := 2}}{{end}}{{$x}}", "1"],
	[
		"{{with .Vars.deep.x}}{{.y}}{{end}}{{with $n := .Vars.none}}x{{else}}none{{end}}{{if $r := .Vars.role}}{{$r}}{{end}}",
		"1noneworker",
	],
	["{{if (not (eq (len .Vars.images) 3))}}2{{end}}{{if and (gt .Vars.count 2) (le .Vars.count 3)}}3{{end}}", "23"],
	['{{if lt "10" "9"}}letters{{end}}{{if ge 10 9}}numbers{{end}}{{len "é"}}', "lettersnumbers2"],
	["{{toUpper .Vars.role}} {{.Vars.role | toUpper | toLower}}", "WORKER worker"],
	["{{if and .Vars.none (gt (len .Vars.none) 1)}}x{{end}}{{or .Vars.role (len 1)}}", "worker"],
	[
		'{{if contains "ork" .Vars.role}}1{{end}}{{if hasPrefix "w" .Vars.role}}2{{end}}{{if hasSuffix "x" .Vars.role}}3{{end}}',
		"12",
	],
	['{{if semverCompare ">=1.30.0 <2" .Vars.version}}new{{end}}', "new"],
	['{{if .Vars.role | regexMatch "^\\\\Qwork\\\\E"}}worker{{end}}', "worker"],
	['{{ if eq "a) b" "a) b" }}({{end}}', "("],
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
	["{{.Env.HOME}}", 1, "templates have no environment (.Env)"],
	["{{range .Vars.images}}\n{{$.Env.HOME}}{{end}}", 2, "templates have no environment (.Env)"],
	["\n\n{{shout .Vars.role}}", 3, 'unknown function "shout" in a template'],
	['{{define "x"}}', 1, 'unknown function "define" in a template'],
	["{{range .Vars.images}}{{break}}{{end}}", 1, 'unknown function "break" in a template'],
	["{{if .Vars.on}}{{$x := 1}}{{end}}\n{{$x}}", 2, "$x has no value yet in a template"],
	["{{$x = 1}}", 1, "expected $x := before $x ="],
	["{{if (eq 1 1}}{{end}}", 1, "expected ) in a template, got its end"],
	["{{if eq 1 1)}}{{end}}", 1, 'cannot read the template {{eq 1 1)}} at ")"'],
	["{{gt .Vars.role 1}}", 1, 'gt in a template: expected two numbers or two texts, got "worker" and 1'],
	['{{regexMatch "(" .Vars.role}}', 1, 'regexMatch in a template: expected a regular expression, got "("'],
	["{{index .Vars.images 2}}", 1, "index in a template: a list of 2 has no 2"],
	["{{len .Vars.none}}", 1, "len in a template: expected a list, a map or a text, got null"],
	['{{index .Vars "none"}}', 1, 'expected {{index .Vars "none"}} to have a value, got none'],
	["{{if .Vars.on}}a", 1, "{{if .Vars.on}} without {{end}}"],
	["a{{end}}", 1, "{{end}} without an if, with or range before it"],
	['{{eq "\\d" .Vars.on}}', 1, 'cannot read the text "\\d" in a template'],
	["{{}}", 1, "expected a variable such as .Vars.name in a template, got nothing"],
])("%j is refused at line %i", (source, line, message) => {
	try {
		render(source, vars);
	} catch (error) {
		if (!(error instanceof TemplateFault)) throw error;
		expect([error.line, error.message]).toEqual([line, expect.stringContaining(message)]);
		return;
	}
	throw new Error("expected an error");
});
