/** FROM a disk, an image of the store and a stage; and the bootstrapped base under UEFI. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { BASE_PREFIX } from "./support/base.ts";
import { build, outputOf, type SuccessfulBuild } from "./support/build.ts";
import { nodebuild, start, succeed } from "./support/command.ts";
import { makeProject, type Project } from "./support/project.ts";
import { lingering } from "./support/store.ts";

/** A file that stands on nothing, as one would carry to another host. */
let exported: Project;
let sha256: string;

beforeAll(async () => {
	exported = await makeProject(BASE_PREFIX);
	const { result } = await build(["-f", exported.nodefile, "-o", exported.path("disk.qcow2")]);
	// The image that all tests start with: nothing to build.
	expect(result.cached).toBe(true);
	sha256 = result.outputs[0]?.sha256 ?? "";
});

describe("FROM a disk", () => {
	let parent: SuccessfulBuild;

	beforeAll(async () => {
		await exported.write(
			"Nodefile.parent",
			[
				`FROM ./disk.qcow2#sha256=${sha256}`,
				`RUN useradd --create-home parent && echo ${randomUUID()} > /from-the-parent`,
				'ENV INHERITED="from the parent" OVERRIDDEN=before',
				"ARG NOT_INHERITED=secret",
				"LABEL kept=yes changed=before",
				"USER parent",
				"WORKDIR /home/parent/work",
				'CMD ["sleep", "infinity"]',
				"ONBUILD COPY handed.txt handed.txt",
				"ONBUILD RUN echo built on > triggered",
				"",
			].join("\n"),
		);
		parent = await build(["-f", exported.path("Nodefile.parent"), "-t", "e2e-parent:1.0"]);
	});

	it("boots it as a new machine and builds on it", () => {
		expect(parent.ran).toHaveLength(2);
		expect(parent.tasks.filter((title) => title.startsWith("boot "))).toHaveLength(1);
		expect(parent.events.filter(({ type }) => type === "warning")).toEqual([]);
	});

	it("tells by its content whether it is the same", async () => {
		const again = await build(["-f", exported.path("Nodefile.parent"), "-t", "e2e-parent:1.0"]);
		expect(again.result).toMatchObject({ cached: true, image: { id: parent.result.image.id } });
	});

	it("runs no ONBUILD of its own", async () => {
		const { config } = JSON.parse((await succeed(["inspect", "e2e-parent:1.0"])).stdout);
		expect(config.onbuild).toHaveLength(2);
		expect(parent.ran.filter((title) => /handed|triggered/.test(title))).toEqual([]);
	});

	describe("and FROM the image that was made of it", () => {
		let child: SuccessfulBuild;

		beforeAll(async () => {
			const project = await makeProject(
				[
					"FROM e2e-parent:1.0 AS middle",
					"RUN : inherited; env; pwd; id -un; cat triggered handed.txt /from-the-parent; systemctl is-active nodebuild-entrypoint || true",
					"ENV OVERRIDDEN=after",
					"FROM middle",
					'RUN : stage; echo "$INHERITED, $OVERRIDDEN"; pwd',
					"LABEL changed=after",
					"",
				].join("\n"),
				{ "handed.txt": "handed over\n" },
			);
			child = await build(["-f", project.nodefile, "-t", "e2e-child"]);
		});

		it("runs its ONBUILD first, once", () => {
			expect(child.ran).toHaveLength(4);
			expect(child.ran.slice(0, 2)).toEqual([
				expect.stringContaining("COPY handed.txt handed.txt"),
				expect.stringContaining("RUN echo built on > triggered"),
			]);
		});

		it("inherits ENV, USER, WORKDIR and the files, and no ARG", () => {
			const lines = outputOf(child, ": inherited;").trimEnd().split("\n");
			expect(lines).toContain("INHERITED=from the parent");
			expect(lines).toContain("OVERRIDDEN=before");
			expect(lines).toContain("HOME=/home/parent");
			expect(lines.join()).not.toContain("NOT_INHERITED");
			const unit = lines.pop();
			expect(lines.slice(-5, -1)).toEqual(["/home/parent/work", "parent", "built on", "handed over"]);
			expect(lines.at(-1)).toMatch(/^[0-9a-f-]{36}$/);
			// A machine of that image, its main command included.
			expect(unit).toBe("active");
		});

		it("hands a stage on to the next", () => {
			expect(outputOf(child, ": stage;")).toBe("from the parent, after\n/home/parent/work\n");
		});

		it("records LABEL, CMD and USER of both", async () => {
			const { config, base } = JSON.parse((await succeed(["inspect", "e2e-child"])).stdout);
			expect(config).toMatchObject({
				labels: { kept: "yes", changed: "after" },
				user: "parent",
				cmd: { form: "exec", argv: ["sleep", "infinity"] },
				onbuild: [],
			});
			expect(base).toBe(parent.result.image.key);
		});

		it("keeps what it stands on", async () => {
			const { status, stderr } = await nodebuild(["rmi", "e2e-parent:1.0"]);
			const report = JSON.parse((await succeed(["prune", "--dry-run", "--json"])).stdout);
			const removed: string[] = report.removed.map(({ id }: { id: string }) => id);
			expect(removed.filter((id) => id.includes(parent.result.image.key.slice("sha256:".length)))).toEqual([]);
			expect([status, stderr]).toEqual([8, expect.stringContaining("error[IMAGE_IN_USE]")]);
		});
	});
});

/** Where distributions put the firmware: code and the variables' template. */
const FIRMWARE = [
	["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"],
	["/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"],
	["/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"],
	["/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"],
] as const;

/** What QEMU's serial console says until it has a match, or QEMU ends. */
async function consoleUntil(args: readonly string[], pattern: RegExp): Promise<string> {
	const qemu = spawn(process.env.NODEBUILD_QEMU || "qemu-system-x86_64", args, { stdio: ["ignore", "pipe", "pipe"] });
	let text = "";
	try {
		await new Promise<void>((resolve, reject) => {
			const read = (data: Buffer): void => {
				text += data.toString("utf8");
				if (pattern.test(text)) resolve();
			};
			qemu.stdout.on("data", read);
			qemu.stderr.on("data", read);
			qemu.on("error", reject);
			qemu.on("close", () => reject(new Error(`expected ${pattern} on the console, got its end:\n${text}`)));
		});
		return text;
	} finally {
		qemu.removeAllListeners("close");
		qemu.kill("SIGKILL");
	}
}

describe("the bootstrapped base", () => {
	it("boots under UEFI too, up to its login", async () => {
		const [code, template] = FIRMWARE.find(([file]) => existsSync(file)) ?? ["", ""];
		expect(code).not.toBe("");
		const folder = await mkdtemp(join(inject("work"), "uefi-"));
		const variables = join(folder, "vars.fd");
		await cp(template, variables);
		const rows = JSON.parse((await nodebuild(["doctor", "--json"])).stdout);
		const { found } = rows.find(({ name }: { name: string }) => name === "accelerator");
		const acceleration = /^KVM/i.test(found) ? ["-accel", "kvm"] : ["-accel", "tcg,thread=multi"];
		const console = await consoleUntil(
			[
				...["-nodefaults", "-display", "none", "-serial", "stdio", "-machine", "q35", ...acceleration],
				...["-m", "1024", "-smp", "2", "-nic", "none"],
				...["-drive", `if=pflash,format=raw,readonly=on,file=${code}`],
				...["-drive", `if=pflash,format=raw,file=${variables}`],
				...["-drive", `if=virtio,format=qcow2,snapshot=on,file=${exported.path("disk.qcow2")}`],
			],
			/ login: $/,
		);
		expect(console).toMatch(/UEFI|EFI v\d|efi:/);
	});
});

describe("a bootstrap that is ended on the way", () => {
	it.each([
		["SIGKILL", null],
		["SIGINT", 130],
	] as const)("by %s leaves no process, no mount, and a store that works", async (signal, status) => {
		const home = await mkdtemp(join(inject("work"), "bootstrap-"));
		const running = start(["bases", "build", "debian:12", "--progress", "plain"], {
			home,
			env: { NODEBUILD_BASE_SOURCE: "bootstrap" },
		});
		// By now the chroot has its file systems mounted.
		await running.waitFor(/installing remaining packages/);
		process.kill(running.pid, signal);
		expect((await running.outcome).status).toBe(status);
		expect(await lingering(home)).toEqual([]);
		expect((await readFile("/proc/mounts", "utf8")).split("\n").filter((line) => line.includes(home))).toEqual([]);
		// A command that only reads leaves what lies there.
		await succeed(["prune"], { home });
		expect(await readdir(join(home, "tmp"))).toEqual([]);
		await rm(home, { recursive: true });
	});
});
