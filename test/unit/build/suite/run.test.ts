/** Suites on this host, in place of a machine. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { junitOf } from "../../../../src/build/junit.ts";
import { readGoss } from "../../../../src/build/suite/goss.ts";
import { readSuite } from "../../../../src/build/suite/read.ts";
import { runSuite } from "../../../../src/build/suite/run.ts";
import type { CapturedResult, ExecOptions } from "../../../../src/guest/types.ts";
import { localGuest } from "../../guest/local-guest.ts";
import { tempDir } from "../../system/child.ts";

const { signal } = new AbortController();

type Answer = (options: ExecOptions) => Partial<CapturedResult> | undefined;

/** Answers of a machine by a word of what it is asked; without goss. */
const machine =
	(answers: Readonly<Record<string, Partial<CapturedResult>>>): Answer =>
	({ argv }) => {
		const asked = argv.join(" ");
		if (asked.includes("command -v goss")) return { status: 1 };
		return Object.entries(answers).find(([word]) => asked.includes(word))?.[1];
	};

/** "ok name: property", with what was found where it failed. */
async function ran(text: string, answers: Readonly<Record<string, Partial<CapturedResult>>> = {}): Promise<string[]> {
	const { rendered, resources } = readSuite(text, "suite.yaml", {});
	const rows = await runSuite({ name: "suite", rendered, resources }, { guest: localGuest(machine(answers)), signal });
	return rows.map(({ name, passed, skipped, detail }) => {
		return skipped ? `skipped ${name}` : passed ? `ok ${name}` : `FAILED ${name}: ${detail}`;
	});
}

test("files", async () => {
	const folder = await tempDir();
	const content = "hello\nworld\n";
	const digest = (algorithm: string) => createHash(algorithm).update(content).digest("hex");
	await writeFile(join(folder, "it's a file"), content);
	await chmod(join(folder, "it's a file"), 0o4750);
	await symlink("it's a file", join(folder, "link"));
	await mkdir(join(folder, "folder"));
	const suite = {
		file: {
			file: {
				path: join(folder, "it's a file"),
				exists: true,
				mode: "4750",
				size: 12,
				filetype: "file",
				contents: ["hello", "!/^o/"],
				uid: process.getuid?.(),
				md5: "x",
				sha256: digest("sha256"),
			},
			link: { path: join(folder, "link"), filetype: "symlink", "linked-to": "it's a file" },
			folder: { path: join(folder, "folder"), filetype: "directory", contents: ["x"] },
			none: { path: join(folder, "none"), exists: false, mode: "0644" },
			gone: { path: join(folder, "none"), exists: true, mode: "0644" },
			untold: { path: join(folder, "none"), mode: "0644" },
		},
	};
	expect(await ran(JSON.stringify(suite))).toEqual([
		"ok file file: exists",
		"ok file file: mode",
		"ok file file: size",
		"ok file file: uid",
		"ok file file: filetype",
		"ok file file: contents",
		`FAILED file file: md5: expected "x", got "${digest("md5")}"`,
		"ok file file: sha256",
		"ok file link: filetype",
		"ok file link: linked-to",
		"ok file folder: filetype",
		'FAILED file folder: contents: expected ["x"], got: it cannot be read',
		"ok file none: exists",
		"skipped file none: mode",
		"FAILED file gone: exists: expected true, got false",
		"skipped file gone: mode",
		'FAILED file untold: mode: expected "0644", got: there is no such file',
	]);
});

test("commands, with their output, and what the suite says itself", async () => {
	const suite = `command:
  echo hello; echo oops >&2; exit 3: {exit-status: 3, stdout: [hello], stderr: oops}
  fails: {exec: "echo reason >&2; exit 1", exit-status: 0}
  off: {exec: exit 1, exit-status: 0, skip: true}
matching:
  number: {content: 14, matches: {gt: 0}}
  map: {content: {foo: bar}, matches: {have-key: baz}}
`;
	expect(await ran(suite)).toEqual([
		"ok command echo hello; echo oops >&2; exit 3: exit-status",
		"ok command echo hello; echo oops >&2; exit 3: stdout",
		"ok command echo hello; echo oops >&2; exit 3: stderr",
		'FAILED command fails: exit-status: expected 0, got 1: "reason"',
		"skipped command off: exit-status",
		"ok matching number: matches",
		'FAILED matching map: matches: expected {"have-key":"baz"}, got {"foo":"bar"}',
	]);
});

test("a timeout of 0 is the usual one, as image-builder's suites write it", async () => {
	const { resources, rendered } = readSuite("command:\n  echo a: {exit-status: 0, timeout: 0}\n", "suite.yaml", {});
	const guest = localGuest(machine({}));
	const [row] = await runSuite({ name: "suite", rendered, resources }, { guest, signal });
	expect(row?.passed).toBe(true);
	expect(guest.asked.at(-1)?.timeout).toBe(10_000);
});

test("accounts, processes, kernel parameters and mounts", async () => {
	const suite = `user:
  web: {exists: true, uid: 33, gid: 33, groups: [www, {have-prefix: ad}], home: /var/www, shell: /bin/sh}
  none: {exists: false}
group:
  adm: {exists: true, gid: 4}
process:
  a-process-with-a-long-name: {running: true}
  other: {running: false}
kernel-param:
  net.ipv4.ip_forward: {value: "1"}
  kernel.no_such: {value: "1"}
mount:
  /data dir: {exists: true, opts: [rw], vfs-opts: [discard], source: /dev/vdb, filesystem: ext4, usage: {lt: 50}}
  /none: {exists: false}
`;
	const answers = {
		"/etc/passwd": { stdout: "root:x:0:0::/root:/bin/bash\nweb:x:33:33::/var/www:/bin/sh\n" },
		"/etc/group": { stdout: "root:x:0:\nwww:x:33:\nadm:x:4:web,root\n" },
		"/comm": { stdout: "init\na-process-with-\n" },
		"net/ipv4/ip_forward": { stdout: "1\n" },
		"kernel/no_such": { status: 1 },
		mountinfo: {
			stdout:
				"22 1 0:20 / / rw - ext4 /dev/vda1 rw\n30 22 8:1 / /data\\040dir rw,noatime shared:1 - ext4 /dev/vdb rw,discard\n",
		},
		"df -P": {
			stdout: "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vdb 100 12 88 12% /data dir\n",
		},
	};
	const rows = await ran(suite, answers);
	expect(rows.filter((row) => !row.startsWith("ok "))).toEqual([
		'FAILED kernel-param kernel.no_such: value: expected "1", got: there is no such parameter',
	]);
	expect(rows).toHaveLength(20);
});

test("packages and services", async () => {
	const suite = `package:
  kubelet: {installed: true, versions: [1.34.2-1.1]}
  ntp: {installed: false}
service:
  containerd: {enabled: true, running: true}
  kubelet: {enabled: false, running: false}
`;
	const rows = await ran(suite, {
		"sh kubelet": { stdout: "disabled\n1\ninactive\n3\n" },
		"sh ntp": { stdout: "" },
		"sh containerd": { stdout: "enabled\n0\nactive\n0\n" },
	});
	expect(rows.filter((row) => row.includes("service"))).toEqual([
		"ok service containerd: enabled",
		"ok service containerd: running",
		"ok service kubelet: enabled",
		"ok service kubelet: running",
	]);
	expect(rows).toContain("ok package ntp: installed");
});

test("ports and cards, from what the kernel tells", async () => {
	const suite = `port:
  tcp:22: {listening: true, ip: [0.0.0.0]}
  tcp6:443: {listening: true, ip: ["::1"]}
  tcp6:80: {listening: true, ip: ["2001:db8::ff:0:0:1"]}
  udp:68: {listening: true, ip: [10.0.2.15]}
  tcp:23: {listening: false}
interface:
  eth0: {exists: true, mtu: 1500, addrs: [10.0.2.15/24]}
  eth1: {exists: false}
`;
	const head = "  sl  local_address rem_address   st\n";
	const rows = await ran(suite, {
		"sh tcp6": {
			stdout: `${head}  0: 00000000000000000000000001000000:01BB 0:0 0A\n  1: B80D0120000000000000FF0001000000:0050 0:0 0A\n`,
		},
		"sh tcp": { stdout: `${head}  0: 00000000:0016 00000000:0000 0A\n  1: 0F02000A:0017 0202000A:1234 01\n` },
		"sh udp": { stdout: `${head}  0: 0F02000A:0044 00000000:0000 07\n` },
		"sh eth0": { stdout: "1500\n10.0.2.15/24\nfe80::1/64\n" },
		"sh eth1": { status: 3 },
	});
	expect(rows.filter((row) => !row.startsWith("ok "))).toEqual([]);
	expect(rows).toHaveLength(13);
});

describe("the network", () => {
	test("addresses, names and web servers", async () => {
		const server = createServer((request, response) => {
			response.setHeader("X-Kind", "test");
			response.end(`hello ${request.headers.authorization ?? "nobody"} ${request.method}`);
		}).listen(0, "127.0.0.1");
		onTestFinished(() => void server.close());
		await new Promise((resolve) => server.once("listening", resolve));
		const { port } = server.address() as AddressInfo;
		const url = `http://127.0.0.1:${port}/`;
		const suite = {
			addr: { [`tcp://127.0.0.1:${port}`]: { reachable: true }, "tcp://127.0.0.1:1": { reachable: false } },
			dns: { localhost: { resolvable: true, addrs: [{ "match-regexp": "^(127\\.0\\.0\\.1|::1)$" }] } },
			http: {
				[url]: { status: 200, headers: ["X-Kind: test"], body: ["hello nobody GET"] },
				login: { url, username: "a", password: 'b"c', method: "PUT", body: ["Basic YTpiImM= PUT"], status: 200 },
			},
		};
		const rows = await ran(JSON.stringify(suite));
		expect(rows.filter((row) => !row.startsWith("ok "))).toEqual([]);
		expect(rows).toHaveLength(9);
	});

	test("from another address than the usual one is for goss alone", async () => {
		const suite = "addr:\n  tcp://127.0.0.1:1: {reachable: false, local-address: 127.0.0.2}\n";
		expect(await ran(suite)).toEqual([
			"FAILED addr tcp://127.0.0.1:1: reachable: expected false, got: asking from a local-address takes goss in the machine",
		]);
	});
});

describe("goss in the machine", () => {
	const json = JSON.stringify({
		results: [
			{
				"resource-type": "File",
				"resource-id": "/a",
				property: "exists",
				title: "",
				successful: true,
				duration: 2_000_000,
				result: 0,
			},
			{
				"resource-type": "File",
				"resource-id": "/a",
				property: "mode",
				title: "",
				successful: false,
				skipped: true,
				result: 2,
				duration: 0,
			},
			{
				"resource-type": "User",
				"resource-id": "b",
				property: "uid",
				title: "it",
				successful: false,
				duration: 0,
				result: 1,
				"summary-line": "User: b: uid: no",
			},
		],
	});

	test("runs the suite with its variables filled in", async () => {
		const { rendered, resources } = readSuite("file:\n  /{{.Vars.x}}: {exists: true}\n", "suite.yaml", { x: "etc" });
		const guest = localGuest(({ argv }) =>
			argv.join(" ").includes("goss --gossfile") ? { status: 1, stdout: json } : { status: 0 },
		);
		const rows = await runSuite({ name: "s", rendered, resources }, { guest, signal });
		expect(guest.asked.at(-1)?.stdin).toBe("file:\n  /etc: {exists: true}\n");
		expect(rows).toEqual([
			{ name: "file /a: exists", suite: "s", passed: true, milliseconds: 2, detail: "" },
			{ name: "file /a: mode", suite: "s", passed: true, skipped: true, milliseconds: 0, detail: "" },
			{ name: "it: uid", suite: "s", passed: false, milliseconds: 0, detail: "User: b: uid: no" },
		]);
	});

	test("that answers something else fails with what it said", async () => {
		const { rendered, resources } = readSuite("file:\n  /etc: {exists: true}\n", "suite.yaml", {});
		const guest = localGuest(({ argv }) =>
			argv.join(" ").includes("goss --gossfile") ? { status: 1, stderr: "panic" } : { status: 0 },
		);
		const [row, ...more] = await runSuite({ name: "s", rendered, resources }, { guest, signal });
		expect([row?.passed, row?.detail, more]).toEqual([false, "panic", []]);
		expect(readGoss("{}", "s")).toBeUndefined();
	});
});

test("JUnit", () => {
	const rows = [
		{ name: "boots by itself", passed: true, milliseconds: 1500, detail: "" },
		{ name: 'a "b" <c>', suite: "s", passed: false, milliseconds: 0, detail: "first & last\n\u001b[0mline" },
		{ name: "d", suite: "s", passed: true, skipped: true, milliseconds: 0, detail: "not here" },
	];
	expect(junitOf({ image: "web:1", passed: false, rows })).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="1" errors="0" skipped="1" time="1.500">
	<testsuite name="web:1 nodebuild" tests="1" failures="0" errors="0" skipped="0" time="1.500">
		<testcase classname="web:1 nodebuild" name="boots by itself" time="1.500"/>
	</testsuite>
	<testsuite name="web:1 s" tests="2" failures="1" errors="0" skipped="1" time="0.000">
		<testcase classname="web:1 s" name="a &quot;b&quot; &lt;c&gt;" time="0.000">
			<failure message="first &amp; last">first &amp; last&#10;[0mline</failure>
		</testcase>
		<testcase classname="web:1 s" name="d" time="0.000">
			<skipped message="not here"/>
		</testcase>
	</testsuite>
</testsuites>
`);
});
