/** What the instructions mean on a machine (docs/nodefile.md): one Nodefile with all of them, two machines of its image. */
import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { chmod, mkdir, symlink, truncate } from "node:fs/promises";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { BASE_PREFIX } from "./support/base.ts";
import { build, outputOf, type SuccessfulBuild } from "./support/build.ts";
import { nodebuild, type Outcome } from "./support/command.ts";
import { makeProject, type Project } from "./support/project.ts";

const run = promisify(execFile);

const IMAGE = "e2e-semantics";
const RUN_ID = randomUUID();
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** `§` stands for a dollar. Most steps begin with a name, `: name;`, by which their output is found. */
const NODEFILE = String.raw`${BASE_PREFIX.trimEnd()} AS machine
ARG COLOR=red
ARG SIZE
ENV E2E_RUN=${RUN_ID} GREETING="Hello, World" LITERAL='"§HOME" %n \d' COPIED=§{COLOR}-§SIZE-§{NONE:-none}
RUN ["env"]
RUN : identity; cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub; getent passwd debian; true
RUN : place; pwd; id; umask; tty; readlink /proc/self/fd/0; [ -t 1 ] || [ -t 2 ] || echo no terminal
RUN : streams; echo to stdout; echo to stderr >&2; printf 'no line break'
RUN : bytes; printf 'gr\303\274n \342\202\254 \360\237\230\200\n'
RUN : continued; \
    # a comment in between
    echo one \
    two
RUN : background; (sleep 3000; echo never) & echo §! > /run/background; echo started
RUN : still; kill -0 §(cat /run/background) && echo runs on
RUN : nothing ours; cat /root/.ssh/authorized_keys | wc -c; cat /proc/§PPID/comm; grep -c nodebuild /etc/passwd /etc/ssh/sshd_config; true
RUN --network=none : offline; ip -br link show; ip route show default | wc -l
RUN : online; ip route show default | wc -l
RUN groupadd --gid 4000 crew && groupadd --gid 4001 others && \
    useradd --uid 4000 --gid crew --groups others --create-home --shell /bin/bash worker

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN : bash; words=(a b c); echo "§{#words[@]} in §{BASH##*/}"; if false | true; then echo lost; else echo pipefail; fi
SHELL ["/bin/sh", "-c"]

RUN <<EOF
: plain heredoc
cd /usr
echo "in §PWD, §COLOR"
EOF
RUN <<EOF
#!/usr/bin/python3
import os, sys
print("python", os.getcwd(), os.environ["GREETING"], sys.stdin.read() == "")
EOF
RUN cat <<ONE > /one && cat <<-'TWO' > /two
§COLOR one
ONE
	§COLOR two
TWO
RUN : heredocs; cat /one /two

WORKDIR /srv/app
USER worker
WORKDIR data
RUN : worker; pwd; id; echo §HOME; umask; touch mine; stat -c '%U:%G %a' . mine ..
USER worker:others
RUN : one group; id -gn; id -Gn
USER 4321
RUN : a number; id -u; id -g; echo §HOME
USER root

COPY one.txt /copied/
COPY one.txt two.txt renamed/
COPY tree /copied/tree
COPY *.md /copied/
COPY --chown=worker:crew --chmod=640 one.txt /copied/owned.txt
COPY --chown=4001:4000 tree /copied/owned/
COPY --chmod=go-rwx,u+X tree /copied/private
COPY --chown=4001:4000 large /large/
COPY <<first.conf <<second.conf /copied/
color = §COLOR
first.conf
number = 2
second.conf
ADD archive.tar.gz /unpacked/
ADD --unpack=false archive.tar.gz /kept/
RUN : copied; cd /copied && find . -printf '%p %y %m %u:%g %l\n' | sort; cat first.conf second.conf
RUN : large; cd /large; sha256sum *; stat -c '%n %u:%g %a %s' *; [ §(stat -c %b sparse) -lt 200 ] && echo holes; dmesg | grep -q 'Direct-Access.*nodebuild-' && echo as a disk; ls /sys/block | grep ^sd || echo unplugged
RUN : relative; pwd; ls renamed
RUN : added; cd / && find unpacked kept -printf '%p %y %m %U:%G\n' | sort; cat unpacked/inside/file

RUN : leave; echo kept | tee /tmp/kept /var/tmp/kept > /kept-on-disk; cat /proc/sys/kernel/random/boot_id
RUN : find; cat /tmp/kept /var/tmp/kept
RUN reboot
RUN : rebooted; cat /tmp/kept /var/tmp/kept /kept-on-disk /proc/sys/kernel/random/boot_id; pwd; echo §GREETING
RUN : last; echo secret > /root/.bash_history; echo log > /var/log/of-the-build.log; systemctl is-system-running

COPY --chmod=755 main.sh /usr/local/bin/main
ENV MODE=deployed PATH=/opt/tools:§PATH
USER worker:others
WORKDIR /srv/app/data
STOPSIGNAL SIGUSR1
ENTRYPOINT ["main", "first"]
CMD ["two  words", "§HOME %h 'quoted' \"double\""]
EXPOSE 8080 53/udp
VOLUME /srv/volume
LABEL purpose=test
MAINTAINER Jo Doe <jo@example.com>
HEALTHCHECK --interval=1s CMD test -e started
ONBUILD RUN never here
`.replaceAll("§", "$");

const MAIN = `#!/bin/sh
{ id -un; id -gn; pwd; printf '[%s]\\n' "$@"; echo "$MODE $GREETING"; printf '%s\\n' "$LITERAL" "$PATH"; } > facts
trap 'echo stopped by USR1 > stopped; exit 0' USR1
: > started
while :; do sleep 0.2; done
`;

const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

/** Large enough to come as a disk. */
const LARGE = Buffer.alloc(7_000_001, "0123456789abcdef");

async function makeContext(): Promise<Project> {
	const project = await makeProject(NODEFILE, {
		"one.txt": "one\n",
		"two.txt": "two\n",
		"a.md": "a\n",
		"b.md": "b\n",
		"main.sh": MAIN,
	});
	await project.write("tree/deep/file", "deep\n", 0o600);
	await project.write("tree/tool", "#!/bin/sh\n", 0o755);
	await mkdir(project.path("tree/empty"));
	await symlink("deep/file", project.path("tree/link"));
	await chmod(project.path("tree/deep"), 0o750);
	await project.write("large/data", LARGE);
	await project.write("large/sparse", "");
	await truncate(project.path("large/sparse"), 4_000_000);
	const archive = await makeProject("", { "inside/file": "from the archive\n" });
	await chmod(archive.path("inside/file"), 0o604);
	const owner = ["--owner=4000", "--group=4001", "--numeric-owner"];
	await run("tar", ["-czf", project.path("archive.tar.gz"), ...owner, "-C", archive.folder, "inside"]);
	return project;
}

let done: SuccessfulBuild;

/** Lines that a step wrote to standard output. */
const said = (name: string): string[] => outputOf(done, name).trimEnd().split("\n");

beforeAll(async () => {
	const project = await makeContext();
	done = await build(["-f", project.nodefile, "-t", IMAGE, "--build-arg", "SIZE=large"]);
});

describe("RUN", () => {
	it("has exactly the declared environment", () => {
		const declared = [
			"COLOR=red",
			"COPIED=red-large-none",
			`E2E_RUN=${RUN_ID}`,
			"GREETING=Hello, World",
			"HOME=/root",
			String.raw`LITERAL="$HOME" %n \d`,
			`PATH=${PATH}`,
			"SIZE=large",
		];
		expect(said('RUN ["env"]').sort()).toEqual(declared.sort());
	});

	it("runs as root in /, without terminal and input", () => {
		expect(said(": place;")).toEqual([
			"/",
			"uid=0(root) gid=0(root) groups=0(root)",
			"0022",
			"not a tty",
			"/dev/null",
			"no terminal",
		]);
	});

	it("reports both streams apart, byte for byte", () => {
		expect(outputOf(done, ": streams;")).toBe("to stdout\nno line break");
		expect(outputOf(done, ": streams;", "stderr")).toBe("to stderr\n");
		expect(outputOf(done, ": bytes;")).toBe("grün € 😀\n");
	});

	it("takes continued lines with comments", () => {
		expect(said(": continued;")).toEqual(["one two"]);
	});

	it("does not wait for what a step leaves in the background", () => {
		expect(said(": background;")).toEqual(["started"]);
		expect(said(": still;")).toEqual(["runs on"]);
	});

	it("finds nothing of ours in accounts, files and processes", () => {
		const lines = said(": nothing ours;");
		expect(lines).toEqual(["0", expect.stringMatching(/^machine-access/), "/etc/passwd:0", "/etc/ssh/sshd_config:0"]);
		// The base's own user is made on machines of the image.
		expect(outputOf(done, ": identity;")).not.toMatch(/^debian:/m);
	});

	it("has the network, or nothing but lo", () => {
		expect(said(": offline;")).toEqual([expect.stringMatching(/^lo +UNKNOWN .*LOOPBACK,UP/), "0"]);
		expect(said(": online;")).toEqual(["1"]);
	});

	it("is run by the SHELL of that moment", () => {
		expect(said(": bash;")).toEqual(["3 in bash", "pipefail"]);
	});

	it("takes heredocs as script, as program and as input", () => {
		const titles = done.ran.filter((title) => /^RUN <</.test(title));
		expect(titles).toHaveLength(2);
		expect(done.events.filter(({ text }) => text === "in /usr, red\n")).toHaveLength(1);
		expect(done.events.filter(({ text }) => text === "python / Hello, World True\n")).toHaveLength(1);
		expect(said(": heredocs;")).toEqual(["red one", "$COLOR two"]);
	});

	it("keeps /tmp and /var/tmp between steps and over a reboot", () => {
		expect(said(": find;")).toEqual(["kept", "kept"]);
		const before = said(": leave;")[0];
		const [tmp, varTmp, disk, bootId, pwd, greeting] = said(": rebooted;");
		expect([tmp, varTmp, disk]).toEqual(["kept", "kept", "kept"]);
		expect(bootId).toMatch(/^[0-9a-f-]{36}$/);
		expect(bootId).not.toBe(before);
		expect([pwd, greeting]).toEqual(["/srv/app/data", "Hello, World"]);
		expect(said(": last;")).toEqual(["running"]);
	});
});

describe("USER and WORKDIR", () => {
	it("give a step its user with all groups, home and a directory of its own", () => {
		expect(said(": worker;")).toEqual([
			"/srv/app/data",
			"uid=4000(worker) gid=4000(crew) groups=4000(crew),4001(others)",
			"/home/worker",
			"0022",
			"worker:crew 755",
			"worker:crew 644",
			"root:root 755",
		]);
	});

	it("give a named group alone", () => {
		expect(said(": one group;")).toEqual(["others", "others"]);
	});

	it("take numbers that nobody has", () => {
		expect(said(": a number;")).toEqual(["4321", "0", "/"]);
	});
});

describe("COPY and ADD", () => {
	it("place files, directories, patterns and heredocs with owner and mode", () => {
		expect(said(": copied;")).toEqual([
			". d 755 root:root ",
			"./a.md f 644 root:root ",
			"./b.md f 644 root:root ",
			"./first.conf f 644 root:root ",
			"./one.txt f 644 root:root ",
			"./owned d 755 4001:crew ",
			"./owned.txt f 640 worker:crew ",
			"./owned/deep d 750 4001:crew ",
			"./owned/deep/file f 600 4001:crew ",
			"./owned/empty d 755 4001:crew ",
			"./owned/link l 777 4001:crew deep/file",
			"./owned/tool f 755 4001:crew ",
			"./private d 755 root:root ",
			"./private/deep d 700 root:root ",
			"./private/deep/file f 600 root:root ",
			"./private/empty d 700 root:root ",
			"./private/link l 777 root:root deep/file",
			"./private/tool f 700 root:root ",
			"./second.conf f 644 root:root ",
			"./tree d 755 root:root ",
			"./tree/deep d 750 root:root ",
			"./tree/deep/file f 600 root:root ",
			"./tree/empty d 755 root:root ",
			"./tree/link l 777 root:root deep/file",
			"./tree/tool f 755 root:root ",
			"color = red",
			"number = 2",
		]);
	});

	it("bring large files as a disk, which is gone afterwards", () => {
		expect(said(": large;")).toEqual([
			`${sha256(LARGE)}  data`,
			`${sha256(Buffer.alloc(4_000_000))}  sparse`,
			"data 4001:4000 644 7000001",
			"sparse 4001:4000 644 4000000",
			"holes",
			"as a disk",
			"unplugged",
		]);
	});

	it("take relative destinations from WORKDIR", () => {
		expect(said(": relative;")).toEqual(["/srv/app/data", "one.txt", "two.txt"]);
	});

	it("unpack archives with their own owners and modes, unless told not to", () => {
		expect(said(": added;")).toEqual([
			"kept d 755 0:0",
			"kept/archive.tar.gz f 644 0:0",
			"unpacked d 755 0:0",
			"unpacked/inside d 755 4000:4001",
			"unpacked/inside/file f 604 4000:4001",
			"from the archive",
		]);
	});
});

/** What a script printed between two marks, whatever a terminal showed around it. */
function answers({ stdout }: Outcome): ReadonlyMap<string, string> {
	const found = new Map<string, string>();
	for (const [, name = "", text = ""] of stdout.replaceAll("\r", "").matchAll(/^@@(\w+)\n([\s\S]*?)^@@$/gm))
		found.set(name, text.trimEnd());
	return found;
}

const ask = (name: string, command: string): string =>
	`echo; echo "@@${name}"; { ${command}; } 2>&1; echo; echo "@@"\n`;

/** On both machines. */
const IDENTITY = ask("identity", "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub");

describe("a machine of the image", () => {
	let outcome: Outcome;
	let answer: ReadonlyMap<string, string>;
	let shell: Outcome;
	let second: ReadonlyMap<string, string>;

	beforeAll(async () => {
		const script = [
			"until [ -e /srv/app/data/started ] || [ $((tries += 1)) -gt 300 ]; do sleep 0.2; done\n",
			IDENTITY,
			ask("who", 'id; pwd; echo "$MODE $PATH $HOME"'),
			ask("unit", "cat /srv/app/data/facts"),
			ask(
				"cloud",
				"getent passwd debian | cut -d: -f1; readlink /var/lib/cloud/instance; ls /run/cloud-init/result.json",
			),
			ask("left", "ls -d /kept-on-disk /etc/systemd/system-generators/nodebuild /dev/pipes"),
			ask("log", "cat /var/log/of-the-build.log"),
			ask("temporary", "ls -d /tmp/kept /var/tmp/kept"),
			ask("lists", "find /var/lib/apt/lists -type f"),
			"exit 42",
		].join("");
		outcome = await nodebuild(["run", IMAGE, "--", "sh", "-c", script]);
		answer = answers(outcome);

		// A root shell on a terminal, whose line buffer all of this has to fit.
		const commands = [
			IDENTITY,
			ask("stop", "systemctl stop nodebuild-entrypoint; cat /srv/app/data/stopped"),
			ask("state", "systemctl is-enabled nodebuild-entrypoint; systemctl is-active nodebuild-entrypoint"),
			ask("login", `printf '%s|%s|%s\\n' "$MODE" "$GREETING" "$LITERAL"`),
			ask("pam", `su worker -s /bin/sh -c 'echo "$MODE|$GREETING"'`),
			ask("service", "systemd-run -q --wait --pipe env | grep -E '^(MODE|GREETING|LITERAL)=' | sort"),
			ask("root", "ls -A /root | grep history"),
		].join("");
		const encoded = Buffer.from(commands).toString("base64").replace(/.{76}/g, "$&\n");
		const stdin = `base64 -d > /run/ask <<'X'\n${encoded}\nX\n. /run/ask; exit 7\n`;
		shell = await nodebuild(["run", IMAGE, "--ssh"], { stdin });
		second = answers(shell);
	});

	it("ends with the status of what ran in it", () => {
		expect(outcome.status).toBe(42);
		expect(shell.status).toBe(7);
	});

	it("runs commands as the image's user, in its directory, with its environment", () => {
		expect(answer.get("who")?.split("\n")).toEqual([
			"uid=4000(worker) gid=4001(others) groups=4001(others)",
			"/srv/app/data",
			`deployed /opt/tools:${PATH} /home/worker`,
		]);
	});

	it("runs ENTRYPOINT and CMD with USER, WORKDIR and ENV", () => {
		expect(answer.get("unit")?.split("\n")).toEqual([
			"worker",
			"others",
			"/srv/app/data",
			"[first]",
			"[two  words]",
			`[$HOME %h 'quoted' "double"]`,
			"deployed Hello, World",
			String.raw`"$HOME" %n \d`,
			`/opt/tools:${PATH}`,
		]);
	});

	it("stops it with STOPSIGNAL", () => {
		expect(second.get("stop")).toBe("stopped by USR1");
		expect(second.get("state")).toBe("enabled\ninactive");
	});

	it("gives ENV to logins and services", () => {
		const literal = String.raw`"$HOME" %n \d`;
		expect(second.get("login")).toBe(`deployed|Hello, World|${literal}`);
		expect(second.get("pam")).toBe("deployed|Hello, World");
		expect(second.get("service")?.split("\n")).toEqual([
			"GREETING=Hello, World",
			`LITERAL=${literal}`,
			"MODE=deployed",
		]);
	});

	it("has an identity of its own, each time", () => {
		const [machine = "", key = ""] = (answer.get("identity") ?? "").split("\n");
		const [machineAgain = "", keyAgain = ""] = (second.get("identity") ?? "").split("\n");
		const [machineBuilt = "", keyBuilt = ""] = said(": identity;");
		const machines = [machine, machineAgain, machineBuilt];
		for (const id of machines) expect(id).toMatch(/^[0-9a-f]{32}$/);
		expect(new Set(machines).size).toBe(3);
		const keys = [key, keyAgain, keyBuilt];
		for (const one of keys) expect(one).toMatch(/^ssh-ed25519 /);
		expect(new Set(keys.map((one) => one.split(" ")[1])).size).toBe(3);
	});

	it("is new to cloud-init, which makes its user", () => {
		expect(answer.get("cloud")?.split("\n")).toEqual([
			"debian",
			expect.stringContaining("/var/lib/cloud/instances/"),
			"/run/cloud-init/result.json",
		]);
	});

	it("carries what the steps made and nothing of the build", () => {
		expect(answer.get("left")).toMatch(/^\/kept-on-disk$/m);
		expect(answer.get("left")?.match(/No such file/g)).toHaveLength(2);
		expect(answer.get("temporary")?.match(/No such file/g)).toHaveLength(2);
		expect(answer.get("log")).toBe("");
		expect(answer.get("lists")).toBe("");
		expect(second.get("root")).toBe("");
	});
});

describe("the image's record", () => {
	it("has what a machine cannot show", async () => {
		const { stdout } = await nodebuild(["inspect", IMAGE]);
		const { config, history } = JSON.parse(stdout);
		expect(config).toMatchObject({
			user: "worker:others",
			workdir: "/srv/app/data",
			stopSignal: "SIGUSR1",
			exposed: ["53/udp", "8080/tcp"],
			volumes: ["/srv/volume"],
			labels: { purpose: "test" },
		});
		expect(config.onbuild).toHaveLength(1);
		expect(config.env).not.toContainEqual(["COLOR", "red"]);
		expect(history[0]).toBe("ARG COLOR=red");
	});
});
