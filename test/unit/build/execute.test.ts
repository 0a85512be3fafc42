import { existsSync } from "node:fs";
import { readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { executeStep } from "../../../src/build/execute.ts";
import { inlineCopy } from "../../../src/context/inline.ts";
import { digestOf } from "../../../src/digest.ts";
import { NodebuildError } from "../../../src/errors.ts";
import type { CapturedResult, ExecOptions } from "../../../src/guest/types.ts";
import { type Effect, EMPTY_CONFIG, type Step } from "../../../src/plan/types.ts";
import { localGuest } from "../guest/local-guest.ts";
import { tempDir } from "../system/child.ts";

const AT = { file: "Nodefile", line: 7, column: 1, text: "RUN something" };

function stepOf(...effects: readonly Effect[]): Step {
	const key = digestOf("step");
	return {
		stage: 0,
		index: 3,
		count: 5,
		title: "RUN something",
		at: AT,
		effects,
		key,
		parent: key,
		config: EMPTY_CONFIG,
	};
}

type Exec = Extract<Effect, { kind: "exec" }>;
const exec = (more: Partial<Exec>): Exec => ({
	kind: "exec",
	argv: ["/bin/sh", "-c", "true"],
	pipes: [],
	env: EMPTY_CONFIG.env,
	cwd: "/",
	user: "",
	mounts: [],
	network: "default",
	...more,
});

async function execute(step: Step, rule?: (options: ExecOptions) => Partial<CapturedResult> | undefined) {
	const guest = localGuest(rule);
	const output: string[] = [];
	await executeStep(step, {
		guest,
		signal: new AbortController().signal,
		onOutput: (stream, data) => output.push(`${stream}: ${Buffer.from(data).toString()}`),
		onWarning: (message) => output.push(message),
		openSource: () => Promise.reject(new Error("no disk")),
		copyOf: async () => inlineCopy({ name: "f", content: "text" }, 0),
		runRoles: async (effect, onOutput) => {
			onOutput("stdout", Buffer.from(`fatal: ${effect.roles.join(" ")}\n`));
			return effect.roles.length === 0 ? 0 : 2;
		},
		withMounts: (_mounts, run) =>
			run({ place: { mounts: "/run/mounts" }, secretEnv: [["TOKEN", Buffer.from("s3cret")]] }),
	});
	return { guest, output };
}

async function failure(work: Promise<unknown>): Promise<NodebuildError> {
	const error = await work.then(
		() => undefined,
		(thrown: unknown) => thrown,
	);
	if (error instanceof NodebuildError) return error;
	throw new Error(`expected a NodebuildError, got ${String(error)}`);
}

const sh = (script: string): Exec => exec({ argv: ["/bin/sh", "-c", script] });

describe("a command", () => {
	test("is run as it was planned, and heard while it runs", async () => {
		const effect = exec({
			argv: ["/bin/sh", "-c", "echo out; echo err >&2"],
			env: [["A", "1"]],
			cwd: "/srv",
			user: "web:www",
			network: "none",
		});
		const { guest, output } = await execute(stepOf(effect));
		expect(guest.asked[0]).toMatchObject({
			argv: effect.argv,
			env: effect.env,
			cwd: "/srv",
			user: "web:www",
			network: "none",
		});
		expect(output.sort()).toEqual(["stderr: err\n", "stdout: out\n"]);
	});

	test("with mounts runs where they are, with the secrets that it asked for as variables", async () => {
		const mounts = [{ type: "tmpfs", target: "/scratch" } as const];
		const { guest } = await execute(stepOf(exec({ mounts })));
		expect(guest.asked[0]).toMatchObject({
			argv: ["/bin/sh", "-c", "true"],
			place: { mounts: "/run/mounts" },
			secretEnv: [["TOKEN", Buffer.from("s3cret")]],
		});
	});

	test("that reboots the machine is done; that it was cut off is said", async () => {
		const { output } = await execute(stepOf(exec({ argv: ["reboot", "-f"] })), () => ({ rebooted: true }));
		expect(output).toEqual([expect.stringContaining("the machine rebooted before the command had ended")]);
	});

	test("that fails is said with its status, the end of its output, and its line", async () => {
		const error = await failure(execute(stepOf(sh("seq 1000; echo last >&2; exit 9"))));
		expect(error).toMatchObject({
			code: "STEP_FAILED",
			message: 'process "/bin/sh -c seq 1000; echo last >&2; exit 9" did not complete successfully: exit code: 9',
			at: AT,
		});
		expect(error.details.length).toBe(20);
		expect(error.details).toContain("last");
	});

	test.each([
		["exit 127", "not found"],
		["exit 126", "cannot be run"],
		["echo 'curl: (6) Could not resolve host: example.org' >&2; exit 6", "cannot resolve names"],
		["echo 'Temporary failure resolving deb.debian.org'; exit 100", "cannot resolve names"],
	])("that fails by %j is explained", async (script, hint) => {
		const error = await failure(execute(stepOf(sh(script))));
		expect(error.code).toBe("STEP_FAILED");
		expect(error.hint).toContain(hint);
	});

	test("that filled the disk is told so: by what it said, or by what is left", async () => {
		const said = await failure(execute(stepOf(sh("echo 'No space left on device' >&2; exit 1"))));
		const measured = await failure(
			execute(stepOf(sh("exit 1")), ({ stdin }) => (String(stdin).startsWith("df ") ? { stdout: "12\n" } : undefined)),
		);
		for (const error of [said, measured]) {
			expect(error.code).toBe("GUEST_DISK_FULL");
			expect(error.hint).toContain("--disk-size");
		}
	});

	test("that was interrupted is not located: it is no fault of the line", async () => {
		const interrupted = new NodebuildError({ code: "INTERRUPTED", message: "interrupted" });
		const error = await failure(
			execute(stepOf(exec({})), () => {
				throw interrupted;
			}),
		);
		expect(error).toBe(interrupted);
	});

	test("whose machine is lost is located, with its cause", async () => {
		const lost = new NodebuildError({ code: "MACHINE_LOST", message: "gone" });
		const error = await failure(
			execute(stepOf(exec({})), () => {
				throw lost;
			}),
		);
		expect(error).toMatchObject({ code: "MACHINE_LOST", at: AT, cause: lost });
	});
});

test("heredocs with a shebang lie in /dev/pipes while their command runs, and go after it, failed or not", async () => {
	const pipes = [{ name: "it's", content: "#!/bin/sh\necho $1\n" }];
	for (const status of [0, 1]) {
		const happened: string[] = [];
		const done = execute(stepOf(exec({ argv: ["run"], pipes })), ({ argv, stdin }) => {
			happened.push(argv[0] === "run" ? "run" : `${argv.join(" ")} < ${String(stdin)}`);
			return { status: argv[0] === "run" ? status : 0, stdout: "99999" };
		});
		await done.catch(() => undefined);
		const run = happened.indexOf("run");
		expect(happened[run - 1]).toContain(`cat > '/dev/pipes/it'\\''s'`);
		expect(happened[run - 1]).toContain("#!/bin/sh\necho $1\n");
		expect(happened.at(-1)).toContain("rm -rf /dev/pipes");
	}
});

describe("WORKDIR", () => {
	const me = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
	const make = (path: string) => execute(stepOf({ kind: "mkdir", path, user: me }));

	test("makes what is missing, for its user, and nothing else", async () => {
		const root = await tempDir();
		const path = join(root, "a b", "it's", "deep");
		await make(`${path}/`);
		for (const folder of [path, join(root, "a b")]) {
			const { mode, uid, gid } = await stat(folder);
			expect([mode & 0o777, `${uid}:${gid}`]).toEqual([0o755, me]);
		}
		expect((await stat(root)).mode & 0o777).toBe(0o700);
	});

	test("makes what a symlink on its path leads to", async () => {
		const root = await tempDir();
		await symlink("new/deep", join(root, "link"));
		await make(join(root, "link/sub"));
		await make(join(root, "link"));
		expect((await stat(join(root, "new/deep/sub"))).mode & 0o777).toBe(0o755);
	});

	test("leaves what exists as it is", async () => {
		const root = await tempDir();
		await make(root);
		await make("/");
		expect((await stat(root)).mode & 0o777).toBe(0o700);
	});

	test("cannot be a file", async () => {
		const file = join(await tempDir(), "file");
		await writeFile(file, "");
		expect(await failure(make(join(file, "x")))).toMatchObject({ code: "STEP_FAILED", at: AT });
	});
});

describe("COPY", () => {
	const request = {
		origins: [{ kind: "inline", name: "f", content: "text" }],
		link: false,
		parents: false,
		exclude: [],
		unpack: false,
	} as const;
	const copy = (dest: string, chown: string, chmod?: string): Effect => ({
		kind: "copy",
		content: digestOf("content"),
		request: { ...request, dest, chown, ...(chmod === undefined ? {} : { chmod }) },
	});
	const me = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;

	test("lands where the guest's own directories say", async () => {
		const root = await tempDir();
		await execute(stepOf(copy(`${root}/new/`, me), copy(`${root}/renamed`, me, "700"), copy(root, me)));
		for (const name of ["new/f", "renamed", "f"]) expect(await readFile(join(root, name), "utf8")).toBe("text");
		expect((await stat(join(root, "renamed"))).mode & 0o777).toBe(0o700);
		expect((await stat(join(root, "f"))).mode & 0o777).toBe(0o644);
	});

	test("a number owns as user and group, a name as its account says", async () => {
		const owners: string[] = [];
		for (const chown of ["4000", "4000:", "4000:5", "web", "1000", "nobody-here"]) {
			const dest = join(await tempDir(), "x/f");
			await execute(stepOf(copy(dest, chown)), ({ argv, stdin }) => {
				const text = argv.includes("tar") ? (argv[2] ?? "") : String(stdin);
				if (text.startsWith("cat /etc/passwd"))
					return { stdout: "web:x:1000:50::/:/bin/sh\n::nodebuild::\nweb:x:50:\n" };
				const owner = /^owner=(\S+)/m.exec(text)?.[1];
				if (owner === undefined) return {};
				owners.push(owner);
				return {};
			});
		}
		expect(owners).toEqual(["4000:4000", "4000:4000", "4000:5", "1000:50", "1000:1000", "0:0"]);
	});

	test.each([
		["tar: f: Cannot open: Not a directory", "COPY_FAILED"],
		["tar: f: Wrote only 512 of 10240 bytes: No space left on device", "GUEST_DISK_FULL"],
	])("that fails says what tar said: %s", async (stderr, code) => {
		const dest = join(await tempDir(), "f");
		const error = await failure(
			execute(stepOf(copy(dest, me)), ({ argv }) => (argv.includes("tar") ? { status: 2, stderr } : undefined)),
		);
		expect(error).toMatchObject({ code, at: AT, details: [stderr] });
		expect(existsSync(dest)).toBe(false);
	});
});

describe("Ansible roles", () => {
	const effect = (...roles: string[]): Effect => ({
		kind: "ansible",
		roles,
		content: digestOf("files"),
		vars: "",
		env: [],
		args: [],
		unkeyed: [],
	});

	test("have their output in the step's", async () => {
		expect((await execute(stepOf(effect()))).output).toEqual(["stdout: fatal: \n"]);
	});

	test("that fail are told with their end, at the step", async () => {
		expect(await failure(execute(stepOf(effect("one", "/srv/two")), () => ({ stdout: "99999" })))).toMatchObject({
			code: "STEP_FAILED",
			message: "the Ansible roles one, /srv/two did not complete successfully: ansible-playbook ended with 2",
			details: ["fatal: one /srv/two"],
			at: AT,
		});
	});
});
