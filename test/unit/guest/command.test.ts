import { chmod, mkdir, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { commandLine, type GuestCommand, quote, secretScript } from "../../../src/guest/command.ts";
import { tempDir } from "../system/child.ts";
import { runHere } from "./local-guest.ts";

const NASTY = [
	"",
	" ",
	"'",
	'"',
	"''",
	"a'b",
	"$HOME",
	"`id`",
	"\\",
	"\\n",
	"\n",
	"a\nb\n",
	"\t",
	"*",
	"~",
	"-n",
	"--",
	"é",
	"🦊",
	"!",
	"#",
	";",
	"&&",
	"a=b",
];

/** Runs the command line as our sshd does, with stand-ins where it would enter a machine's namespaces. */
async function sshd(command: Partial<GuestCommand> & Pick<GuestCommand, "argv">, stdin: string | Uint8Array = "") {
	const folder = await tempDir();
	const programs = {
		// nsenter -t 1 -m -n PROGRAM...
		nsenter: 'shift 4; exec "$@"',
		// setpriv OPTION... -- PROGRAM...
		setpriv: `while [ "$1" != -- ]; do printf '%s\\n' "$1" >> ${folder}/identity; shift; done; shift; exec "$@"`,
		unshare: 'shift; exec "$@"',
		ip: "exit 0",
	};
	await mkdir(join(folder, "bin"));
	for (const [name, script] of Object.entries(programs)) {
		await writeFile(join(folder, "bin", name), `#!/bin/sh\n${script}\n`);
		await chmod(join(folder, "bin", name), 0o755);
	}
	const line = commandLine({
		env: [["PATH", process.env.PATH ?? ""]],
		cwd: "/",
		network: "default",
		stdin: false,
		...command,
	});
	const answer = await runHere(["sh", "-c", line], { stdin, env: { PATH: `${folder}/bin:${process.env.PATH}` } });
	const identity = await runHere(["cat", join(folder, "identity")]);
	return { ...answer, line, identity: identity.stdout.trim().split("\n") };
}

/** Prints its arguments so that none can be mistaken for two. */
const SHOW = ["sh", "-c", `for word; do printf '%s\\0' "$word"; done`, "show"];

describe("words", () => {
	test.each(NASTY)("%j arrives as it is", async (word) => {
		const { stdout, status } = await sshd({ argv: [...SHOW, word, "last"] });
		expect([status, stdout.split("\0")]).toEqual([0, [word, "last", ""]]);
	});

	test("any words arrive as they are", async () => {
		const word = fc
			.string({ unit: "binary" })
			.filter((text) => !text.includes("\0") && Buffer.from(text).toString() === text);
		await fc.assert(
			fc.asyncProperty(fc.array(word, { maxLength: 20 }), async (words) => {
				const { stdout } = await runHere(["sh", "-c", [...SHOW, ...words].map(quote).join(" ")]);
				expect(stdout.split("\0").slice(0, -1)).toEqual(words);
			}),
			{ numRuns: 30 },
		);
	});

	test("plain words stay readable", () => {
		expect(["/bin/sh", "-c", "a_b@c%d+e=f:g,h.i"].map(quote)).toEqual(["/bin/sh", "-c", "a_b@c%d+e=f:g,h.i"]);
	});
});

test("the environment is what was asked for and nothing else", async () => {
	const env = [
		["PATH", process.env.PATH ?? ""],
		["A", "x\ny"],
		["B", "$A 'q' \\"],
		["EMPTY", ""],
	] as const;
	const { stdout } = await sshd({ argv: ["env", "-0"], env });
	expect(stdout.split("\0").slice(0, -1).sort()).toEqual(env.map(([name, value]) => `${name}=${value}`).sort());
});

test("it runs where it was told, with a mask for files of everybody to read", async () => {
	const cwd = join(await realpath(await tempDir()), "it's a $dir");
	await mkdir(cwd);
	expect((await sshd({ argv: ["sh", "-c", "pwd; umask"], cwd })).stdout).toBe(`${cwd}\n0022\n`);
});

test("a directory that is missing is made, as BuildKit makes it", async () => {
	const cwd = join(await realpath(await tempDir()), "gone/it's a $dir");
	const { status, stdout } = await sshd({ argv: ["sh", "-c", "pwd; stat -c %a ."], cwd });
	expect([status, stdout]).toEqual([0, `${cwd}\n755\n`]);
});

test("a directory that cannot be is an error of its own, and nothing runs", async () => {
	const file = join(await tempDir(), "file");
	await writeFile(file, "");
	const { status, stdout, stderr } = await sshd({ argv: ["echo", "ran"], cwd: join(file, "below") });
	expect([status, stdout]).toEqual([125, ""]);
	expect(stderr).toContain(join(file, "below"));
});

test("a program with = in its name is run, not taken for a variable", async () => {
	const folder = await tempDir();
	await writeFile(join(folder, "a=b"), "#!/bin/sh\necho ran $1\n");
	await chmod(join(folder, "a=b"), 0o755);
	const env = [["PATH", `${folder}:${process.env.PATH}`]] as const;
	expect((await sshd({ argv: ["a=b", "with"], env })).stdout).toBe("ran with\n");
	expect((await sshd({ argv: ["no=such"] })).status).toBe(127);
});

describe("user", () => {
	test("root is not changed", async () => {
		expect((await sshd({ argv: ["true"] })).identity).toEqual([""]);
	});

	test("another one with groups, and one without any", async () => {
		const user = { uid: 5, gid: 6, home: "/", groups: [7, 8] };
		expect((await sshd({ argv: ["true"], user })).identity).toEqual([
			"--reuid",
			"5",
			"--regid",
			"6",
			"--groups",
			"7,8",
		]);
		const alone = await sshd({ argv: ["true"], user: { ...user, groups: [] } });
		expect(alone.identity).toEqual(["--reuid", "5", "--regid", "6", "--clear-groups"]);
	});
});

test("standard input is given, or empty", async () => {
	expect((await sshd({ argv: ["cat"], stdin: true }, "words")).stdout).toBe("words");
	expect((await sshd({ argv: ["cat"] }, "words")).stdout).toBe("");
});

test("without network a namespace of its own has lo only, and the words still arrive", async () => {
	const { line, stdout } = await sshd({ argv: [...SHOW, ...NASTY], network: "none" });
	expect(line).toContain("unshare --net");
	expect(stdout.split("\0").slice(0, -1)).toEqual(NASTY);
	expect((await sshd({ argv: ["true"], network: "host" })).line).not.toContain("unshare");
});

test("secret variables come over standard input: byte for byte, in no argument, and the command's own is empty", async () => {
	const values = ["it's a 'secret'", "$(id) `id` $HOME \\ \n\n line", "", "\xff\x80\x81\x88 bytes"].map((text) =>
		Buffer.from(text, "latin1"),
	);
	const secrets = values.map((value, index) => [`S${index}`, value] as const);
	const env = [
		["PATH", process.env.PATH ?? ""],
		["A", "1"],
	] as const;
	const argv = ["sh", "-c", "cat; env -0 | od -An -v -tx1"];
	const { stdout, line, status } = await sshd({ argv, env, secrets: true }, secretScript(secrets));
	const said = Buffer.from(stdout.replace(/\s/g, ""), "hex").toString("latin1").split("\0").slice(0, -1);
	const expected = [...env, ...values.map((value, index) => [`S${index}`, value.toString("latin1")] as const)];
	// What the inner shell adds for its own child is not asked about.
	const own = said.filter((variable) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(variable));
	expect([status, own.sort()]).toEqual([0, expected.map(([name, value]) => `${name}=${value}`).sort()]);
	expect(line).not.toContain("secret");
});

test("a command can run in a mount namespace of its own, or where our sshd runs", async () => {
	const there = await sshd({ argv: ["echo", "ran"], place: { mounts: "/run/mounts-1" } });
	expect([there.stdout, there.line]).toEqual([
		"ran\n",
		expect.stringContaining("nsenter -t 1 --mount=/run/mounts-1 -n "),
	]);
	expect((await sshd({ argv: ["true"], place: "access" })).line).not.toContain("nsenter");
});

test("exit statuses pass through", async () => {
	expect((await sshd({ argv: ["sh", "-c", "exit 42"] })).status).toBe(42);
	expect((await sshd({ argv: ["no-such-program"] })).status).toBe(127);
});
