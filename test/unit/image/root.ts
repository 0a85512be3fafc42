/** A machine's file tree in a folder of the test, and scripts run against it as if it were "/". */
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SEAL } from "../../../src/guest/agent/seal-program.ts";
import { agentProgram, connectTo } from "../guest/agent-program.ts";
import { type Output, runHere } from "../guest/local-guest.ts";
import { tempDir } from "../system/child.ts";

/** What the scripts may name at the top of a machine. */
const TREES = ["etc", "var", "tmp", "root", "home", "proc", "run", "sys"];

export interface Root {
	readonly path: string;
	/** Write files, by absolute path in the machine. */
	put(files: Readonly<Record<string, string>>): Promise<void>;
	link(path: string, target: string): Promise<void>;
	/** Run a script in the machine; nothing of this host is within its reach. */
	sh(script: string): Promise<Output>;
	/**
	 * Have the program that waits in frozen guests do what it is asked for, with `edits` to its Python; undefined: it leaves
	 * that to a shell. File systems are held by `fsfreeze` and `mount` in the machine.
	 */
	byProgram(request: string, edits?: string): Promise<string | undefined>;
}

/** @param programs stand-ins, as shell. */
export async function fakeRoot(programs: Readonly<Record<string, string>> = {}): Promise<Root> {
	const path = await tempDir();
	for (const tree of TREES) await mkdir(join(path, tree));
	for (const folder of ["var/tmp", "var/log", "bin"]) await mkdir(join(path, folder));
	// What would act on this host does nothing unless a test says what.
	const stand = {
		systemctl: "exit 0",
		umount: "exit 0",
		fstrim: "exit 0",
		getent: "exit 0",
		sync: "exit 0",
		...programs,
	};
	for (const [name, script] of Object.entries(stand)) {
		await writeFile(join(path, "bin", name), `#!/bin/sh\n${script}\n`);
		await chmod(join(path, "bin", name), 0o755);
	}
	const put = async (files: Readonly<Record<string, string>>): Promise<void> => {
		for (const [name, content] of Object.entries(files)) {
			await mkdir(dirname(join(path, name)), { recursive: true });
			await writeFile(join(path, name), content);
		}
	};
	return {
		path,
		put,
		link: async (name, target) => {
			await mkdir(dirname(join(path, name)), { recursive: true });
			await symlink(target, join(path, name));
		},
		sh: (script) =>
			runHere(["sh", "-s"], { stdin: within(path, script), env: { PATH: `${path}/bin:${process.env.PATH}` } }),
		byProgram: (request, edits) => byProgram(path, request, edits),
	};
}

/** What the program would do to this host is the test's: namespaces, programs, and what holds file systems. */
const harmless = (root: string): string => `
import subprocess
ENVIRONMENT["PATH"] = "${root}/bin:" + ENVIRONMENT["PATH"]


def called(*words):
    return subprocess.call(words, stdout=subprocess.DEVNULL, env=ENVIRONMENT) == 0


def enter(namespaces):
    pass


def freeze(point, held):
    require(called("fsfreeze", "-f", point))
    held.append(os.open("${root}/proc", os.O_RDONLY))


def unmount(point):
    called("umount", "-l", point)


def thaw(fd):
    called("fsfreeze", "-u")


def read_only(point):
    require(called("mount", "-o", "remount,ro", point))
`;

async function byProgram(root: string, request: string, edits = ""): Promise<string | undefined> {
	const program = agentProgram(undefined, (text) => {
		const [begin, end] = text.split(SEAL.trim());
		const [before, after] = (end ?? "").split("\nserver = socket.socket()");
		if (after === undefined) throw new Error("the program is made in another way");
		return [begin, within(root, SEAL.trim()), before, harmless(root), edits, "\nserver = socket.socket()", after].join(
			"",
		);
	});
	const connection = await connectTo(program);
	let stdout = "";
	const { status } = await connection.exec("exit 99", {
		direct: {
			argv: ["/no/such/program"],
			env: [],
			cwd: "/",
			builtin: { name: "seal", request: within(root, request) },
		},
		onStdout: (data) => {
			stdout += Buffer.from(data).toString();
		},
	});
	connection.destroy();
	if (status !== 0 && status !== 99) throw new Error(`the program ended: ${status}`);
	return status === 0 ? stdout : undefined;
}

/** Absolute paths that scripts may name and that stay this host's. */
const SHARED = ["/dev", "/bin", "/sbin", "/usr"];

/** Every path of the machine moved below `root`. @throws when one would be left that means this host. */
export function within(root: string, script: string): string {
	const trees = new RegExp(`(?<![\\w.}*\\]])/(${TREES.join("|")})(?![\\w-])`, "g");
	const moved = script.replace(trees, (found) => `${root}${found}`);
	const left =
		moved.replaceAll(root, "").length === script.length ? moved.replaceAll(new RegExp(`${root}\\S*`, "g"), "") : script;
	for (const [path] of left.matchAll(/(?<=^|[\s"'=<>(:])\/[\w.-]+/g)) {
		if (!SHARED.includes(path)) throw new Error(`the script names ${path}, which would be this host's`);
	}
	return moved;
}
