/**
 * One worker with every variable that no other build of `npm run test:kubernetes` has: a proxy, pip's configuration,
 * repositories that go again, further settings of containerd, archives and programs from a server that asks for a
 * password, a kubelet of another patch release, roles. What they should have come to, and what they should have left
 * nothing of, is looked for on a booted machine and in the store's files; a platform's ConfigDrive boots the image.
 */
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createReadStream, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { writeArchive } from "../k8s-mirror/images.mjs";
import { imageTree, programPath } from "../k8s-mirror/trees.mjs";
import { freePort, Machine } from "../k8s-proof/machine.mjs";
import { writeConfigDrive } from "../k8s-proof/seed.mjs";

const GUEST = "10.0.2.2";
/** Nobody listens there, so whoever used it would fail. */
const PROXY = `http://${GUEST}:9`;
const IMAGE = "registry.example/tools/probe:7";
const KUBELET = "1.34.1";
const LIMIT = 2400;

/** Serves files to those who know the password. @param {Readonly<Record<string, string>>} files @param {string} login */
async function servePrivately(files, login) {
	const port = await freePort();
	const expected = `Basic ${Buffer.from(login).toString("base64")}`;
	const server = createServer((request, response) => {
		const file = files[new URL(request.url ?? "/", "http://x").pathname];
		if (request.headers.authorization !== expected)
			return response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
		if (file === undefined) return response.writeHead(404).end();
		response.writeHead(200, { "content-length": statSync(file).size });
		return createReadStream(file).pipe(response);
	});
	server.listen(port, "127.0.0.1");
	await once(server, "listening");
	return { port, close: () => server.close() };
}

/** @param {string} folder @param {number} port */
function variables(folder, port) {
	const role = join(folder, "roles/probe");
	mkdirSync(join(role, "tasks"), { recursive: true });
	writeFileSync(
		join(role, "tasks/main.yml"),
		JSON.stringify([{ copy: { dest: "/etc/probe-role", content: "level {{ level }}, {{ kubernetes_semver }}\n" } }]),
	);
	writeFileSync(join(folder, "pip.conf"), "[global]\nindex-url = http://pip.example/simple\n");
	const settings = '[plugins."io.containerd.grpc.v1.cri"]\nmax_container_log_line_size = 32768\n';
	return {
		http_proxy: PROXY,
		https_proxy: PROXY,
		no_proxy: `${GUEST},deb.debian.org,security.debian.org,.debian.org,localhost`,
		pip_conf_file: join(folder, "pip.conf"),
		remove_extra_repos: "true",
		containerd_additional_settings: Buffer.from(settings).toString("base64"),
		load_additional_components: "true",
		additional_url_images: "true",
		additional_url_images_list: `http://${GUEST}:${port}/images/probe.tar`,
		additional_executables: "true",
		additional_executables_list: `http://${GUEST}:${port}/bin/probe-tool?version=7`,
		additional_executables_destination_path: "/opt/tools",
		extra_debs: "tree",
		KUBELET_VERSION: KUBELET,
		node_custom_roles_post: role,
		ansible_user_vars: "level=3 nodebuild_gather_subset='!all'",
	};
}

/** In goss's format. @param {string} mirror a repository's file that was added @param {string} kubelet */
const suite = (mirror, kubelet) =>
	JSON.stringify({
		file: {
			"/etc/pip.conf": { exists: false },
			[`/etc/apt/sources.list.d/${mirror}`]: { exists: false },
			"/opt/tools/probe-tool": { exists: true, mode: "0755", owner: "root" },
			"/etc/probe-role": { exists: true, contents: ["level 3, v1.34.2"] },
		},
		package: { tree: { installed: true }, kubelet: { installed: true } },
		command: {
			"containerd config dump": { "exit-status": 0, stdout: ["max_container_log_line_size = 32768"], timeout: 120_000 },
			"ctr -n k8s.io images ls -q": { "exit-status": 0, stdout: [IMAGE], timeout: 120_000 },
			[`grep -rlE '${GUEST}|pip[.]example' /etc /root /usr/local /var/lib/apt /var/lib/dpkg /opt`]: {
				"exit-status": 1,
			},
			"kubelet --version": { "exit-status": 0, stdout: [`Kubernetes v${kubelet}`], timeout: 120_000 },
			"grep -rqsE '^(deb|URIs)' /etc/apt/sources.list /etc/apt/sources.list.d": { "exit-status": 0 },
		},
	});

/**
 * @param {{ args: readonly string[], program: string, repository: string }} given `args`: of a worker's build;
 *   `program`: a static one for the image; `repository`: file of extra_repos
 */
export async function tryKnobs({ args, program, repository }) {
	const root = join(import.meta.dirname, "../..");
	const folder = mkdtempSync(join(tmpdir(), "nodebuild-knobs-"));
	const password = randomBytes(12).toString("hex");
	/** @type {{ what: string, passed: boolean, seconds?: number }[]} */
	const rows = [];
	const nodebuild = async (/** @type {readonly string[]} */ words) => {
		// The server of this process has to answer meanwhile.
		const child = spawn(process.execPath, [join(root, "dist/nodebuild.js"), ...words], {
			stdio: ["ignore", "pipe", "pipe"],
		});
		let said = "";
		for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data));
		const [status] = await once(child, "close");
		if (status !== 0) console.log(said);
		return { passed: status === 0, said };
	};
	const tree = imageTree(folder, { name: "probe", version: "7", from: program, real: false });
	writeArchive(join(folder, "probe.tar"), { name: IMAGE, tree, program: programPath("probe") });
	const server = await servePrivately(
		{ "/images/probe.tar": join(folder, "probe.tar"), "/bin/probe-tool": program },
		`builder:${password}`,
	);
	/** @type {Machine | undefined} */
	let machine;
	try {
		const secret = join(folder, "logins");
		writeFileSync(secret, `${GUEST}:${server.port} builder:${password}\n`, { mode: 0o600 });
		const file = join(folder, "knobs.json");
		writeFileSync(file, JSON.stringify(variables(folder, server.port)));
		const disk = join(folder, "knobs.qcow2");
		const begin = performance.now();
		const built = await nodebuild([
			...[...args, "--var-file", file, "--secret", `id=download,src=${secret}`, "-t", "test-knobs"],
			...["--progress", "plain", "-o", `type=qcow2,dest=${disk}`],
		]);
		rows.push({ what: "built", passed: built.passed, seconds: Math.round((performance.now() - begin) / 1000) });
		if (!built.passed) return rows;
		writeFileSync(join(folder, "suite.yaml"), suite(basename(repository), KUBELET));
		for (const one of ["kubernetes", join(folder, "suite.yaml")]) {
			const { passed } = await nodebuild(["verify", "test-knobs", "--suite", one]);
			rows.push({ what: `suite ${basename(one)}`, passed });
		}
		const home = process.env.NODEBUILD_HOME ?? join(process.env.HOME ?? "", ".local/share/nodebuild");
		rows.push({ what: "the password is not in the log", passed: !built.said.includes(password) });
		const found = spawnSync("grep", ["-rlaF", password, home, disk], { encoding: "utf8" });
		if (found.stdout !== "") console.log(`the password is in\n${found.stdout}`);
		rows.push({ what: "nor in any file of the store or of the image", passed: found.status === 1 });
		const node = { name: "from-config-drive", address: "10.10.0.21", mac: "52:54:00:6b:38:21" };
		const seed = writeConfigDrive(folder, node);
		const lan = `listen=127.0.0.1:${await freePort()}`;
		machine = new Machine(folder, { ...node, disk, seed, memory: 1024, cpus: 2, lan });
		await machine.ready(LIMIT);
		await machine.settled("cloud-init ends", LIMIT);
		const said = await machine.run("cloud-id; hostname; ip -brief -4 address; cat /etc/from-config-drive");
		const passed = ["config-drive", node.name, node.address, "written by cloud-init"].every((text) =>
			said.stdout.includes(text),
		);
		if (!passed) console.log(said.stdout, said.stderr);
		rows.push({ what: "a ConfigDrive gives the machine its name, address and files", passed });
		return rows;
	} finally {
		await machine?.stop();
		server.close();
		rmSync(folder, { recursive: true, force: true });
		spawnSync(process.execPath, [join(root, "dist/nodebuild.js"), "rmi", "--force", "test-knobs"], { stdio: "ignore" });
	}
}
