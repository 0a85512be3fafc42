import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { entrypointUnit, mainCommand, numbersOf, quoteWord } from "../../../src/image/systemd.ts";
import { EMPTY_CONFIG, type ImageConfig } from "../../../src/plan/types.ts";

const exec = (...argv: string[]) => ({ form: "exec", argv }) as const;
const shell = (script: string) => ({ form: "shell", script }) as const;
const configOf = (more: Partial<ImageConfig>): ImageConfig => ({ ...EMPTY_CONFIG, ...more });

/** Words of a unit's line as systemd.syntax(7) has them: double quotes, C escapes, then specifiers. */
function words(line: string): string[] {
	const found = line.match(/"(?:[^"\\]|\\.)*"|[^\s"]+/g) ?? [];
	expect(found.join(" ")).toBe(line);
	return found.map((word) =>
		(word.startsWith('"') ? word.slice(1, -1) : word)
			.replace(/\\(x([0-9a-f]{2})|.)/g, (_all, char: string, hex?: string) =>
				hex === undefined ? char : String.fromCharCode(Number.parseInt(hex, 16)),
			)
			.replaceAll("%%", "%"),
	);
}

function lines(unit: string | undefined, name: string): string[] {
	return (unit ?? "").split("\n").flatMap((line) => (line.startsWith(`${name}=`) ? [line.slice(name.length + 1)] : []));
}

/** What the unit runs, as its process sees it. */
function argvOf(config: ImageConfig, listed?: boolean): string[] {
	const [line = ""] = lines(entrypointUnit(config, listed), "ExecStart");
	return words(line).map((word) => word.replaceAll("$$", "$"));
}

/** A variable in braces. */
const BRACED = ["$", "{A}"].join("");

const text = fc.string({ unit: "binary" }).filter((word) => !word.includes("\0"));

describe("quoting", () => {
	test.each([
		"",
		" ",
		'say "x"',
		"a\\b",
		"100%",
		"%n %%",
		"a\nb",
		"\ttab",
		"\rreturn",
		"\u0007",
		"é 🦊",
		"'",
		";",
		"#",
	])("%j is one word and comes back as it was", (word) => {
		expect(words(quoteWord(word))).toEqual([word]);
	});

	test("any text is one word on one line", () => {
		fc.assert(
			fc.property(text, (word) => {
				expect(quoteWord(word)).not.toMatch(/[\n\r]/);
				expect(words(quoteWord(word))).toEqual([word]);
			}),
		);
	});

	test("any command reaches its process as it was", () => {
		fc.assert(
			fc.property(fc.array(text, { minLength: 1 }), (argv) => {
				fc.pre(!(argv[0] ?? "").includes("="));
				expect(argvOf(configOf({ cmd: exec(...argv) }))).toEqual(["/usr/bin/env", "--", ...argv]);
			}),
		);
	});
});

/** docs.docker.com/reference/dockerfile, "Understand how CMD and ENTRYPOINT interact". */
describe("the main command", () => {
	const sh = ["/bin/sh", "-c"];
	test.each<[string, Partial<ImageConfig>, readonly string[] | undefined]>([
		["nothing", {}, undefined],
		["CMD in exec form", { cmd: exec("a", "b") }, ["a", "b"]],
		["CMD in shell form", { cmd: shell("a b") }, [...sh, "a b"]],
		["ENTRYPOINT in shell form ignores CMD", { entrypoint: shell("e"), cmd: exec("a") }, [...sh, "e"]],
		["ENTRYPOINT alone", { entrypoint: exec("e", "x") }, ["e", "x"]],
		["ENTRYPOINT with CMD", { entrypoint: exec("e", "x"), cmd: exec("a") }, ["e", "x", "a"]],
		["ENTRYPOINT with CMD in shell form", { entrypoint: exec("e"), cmd: shell("a b") }, ["e", ...sh, "a b"]],
		["SHELL", { cmd: shell("a"), shell: ["/bin/bash", "-ec"] }, ["/bin/bash", "-ec", "a"]],
		["an emptied ENTRYPOINT", { entrypoint: exec(), cmd: exec("a") }, ["a"]],
		["an emptied CMD", { cmd: exec() }, undefined],
	])("of %s", (_what, config, argv) => {
		expect(mainCommand(configOf(config))).toEqual(argv);
		expect(entrypointUnit(configOf(config)) === undefined).toBe(argv === undefined);
	});
});

describe("the unit", () => {
	const cmd = exec("serve");

	test("of a plain image", () => {
		expect(entrypointUnit(configOf({ cmd }))).toMatchInlineSnapshot(`
			"# Made from the Nodefile's ENTRYPOINT, CMD, ENV, WORKDIR, USER and STOPSIGNAL.
			[Unit]
			Description=Main process of the image
			Wants=network-online.target
			After=network-online.target

			[Service]
			Type=simple
			ExecStart=/usr/bin/env -- "serve"
			Environment="HOME=/root"
			Environment="PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
			WorkingDirectory=/
			KillSignal=SIGTERM
			KillMode=mixed
			Restart=on-failure
			RestartSec=1

			[Install]
			WantedBy=multi-user.target
			"
		`);
	});

	test("does not expand $VARIABLES of an exec form, as Docker does not", () => {
		expect(argvOf(configOf({ cmd: exec("echo", "$HOME", BRACED, "$$", "%h") }))).toEqual([
			"/usr/bin/env",
			"--",
			"echo",
			"$HOME",
			BRACED,
			"$$",
			"%h",
		]);
	});

	test("has the environment, in which later values win", () => {
		const env = [
			["A", "1 2"],
			["HOME", "/srv"],
			["B", "$A%"],
		] as const;
		const unit = entrypointUnit(configOf({ cmd, env }));
		expect(lines(unit, "Environment").flatMap(words)).toEqual(["A=1 2", "HOME=/srv", "B=$A%"]);
	});

	test("runs as its user and group", () => {
		expect(lines(entrypointUnit(configOf({ cmd, user: "web:www" })), "User")).toEqual(["web"]);
		expect(lines(entrypointUnit(configOf({ cmd, user: "web:www" })), "Group")).toEqual(["www"]);
		expect(lines(entrypointUnit(configOf({ cmd, user: "web" })), "Group")).toEqual([]);
		expect(lines(entrypointUnit(configOf({ cmd })), "User")).toEqual([]);
		expect(lines(entrypointUnit(configOf({ cmd })), "Environment").flatMap(words)).toContain("HOME=/root");
	});

	test("becomes a number that no account has by itself: systemd would refuse it", () => {
		const config = configOf({ cmd, user: "1001" });
		const unit = entrypointUnit(config, false);
		expect([lines(unit, "User"), lines(unit, "Group")]).toEqual([[], []]);
		expect(argvOf(config, false).slice(0, 5)).toEqual([
			"/usr/bin/setpriv",
			"--reuid=1001",
			"--regid=0",
			"--clear-groups",
			"--",
		]);
		expect(argvOf(configOf({ cmd, user: "1001:5" }), false)).toContain("--regid=5");
		expect(lines(unit, "Environment").flatMap(words)).toContain("HOME=/");
		expect([numbersOf("1001"), numbersOf("1001:5"), numbersOf("web"), numbersOf("1001:www"), numbersOf("")]).toEqual([
			{ user: "1001", group: "" },
			{ user: "1001", group: "5" },
			undefined,
			undefined,
			undefined,
		]);
	});

	test.each([
		["/srv/a b", "/srv/a b"],
		["/srv/100%", "/srv/100%%"],
		["/srv/blank ", "/srv/blank /"],
		["/srv/back\\", "/srv/back\\/"],
	])("works in %j", (workdir, value) => {
		expect(lines(entrypointUnit(configOf({ cmd, workdir })), "WorkingDirectory")).toEqual([value]);
	});

	test.each([
		[undefined, "SIGTERM"],
		["SIGQUIT", "SIGQUIT"],
		["quit", "SIGQUIT"],
		["9", "9"],
		["SIGRTMIN+3", "SIGRTMIN+3"],
	])("is stopped by %s", (stopSignal, value) => {
		const config = configOf({ cmd, ...(stopSignal === undefined ? {} : { stopSignal }) });
		expect(lines(entrypointUnit(config), "KillSignal")).toEqual([value]);
	});

	test("runs a program with = in its name", () => {
		expect(argvOf(configOf({ cmd: exec("a=b") }))).toEqual(["/usr/bin/env", "--", "nice", "-n", "0", "a=b"]);
	});
});
