/** Throwaway machines on plain QEMU, talked to through the guest agent: they have no network but the one between them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../k8s-mirror/run.mjs";

/** Written by cloud-init when it has ended. */
const RESULT = "/run/cloud-init/result.json";

/** A port of loopback that nobody listens on now. @returns {Promise<number>} */
export async function freePort() {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const address = server.address();
	server.close();
	await once(server, "close");
	return typeof address === "object" && address !== null ? address.port : 0;
}

/** @param {string} overlay @param {string} console @param {string} agent @param {Spec} spec */
function qemuArguments(overlay, console, agent, { seed, memory, cpus, mac, lan }) {
	const kvm = process.env.NODEBUILD_ACCEL === "kvm";
	return [
		...["-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35,smm=off"],
		...(kvm ? ["-accel", "kvm", "-cpu", "host"] : ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "EPYC"]),
		...["-m", String(memory), "-smp", String(cpus), "-rtc", "base=utc", "-device", "virtio-rng-pci"],
		...["-serial", `file:${console}`],
		...["-drive", `file=${overlay},if=virtio,format=qcow2,cache=unsafe,discard=unmap`],
		...["-drive", `file=${seed},if=virtio,format=raw,readonly=on`],
		...["-netdev", `socket,id=lan,${lan}`, "-device", `virtio-net-pci,netdev=lan,mac=${mac},romfile=`],
		...["-chardev", `socket,id=agent,path=${agent},server=on,wait=off`],
		...["-device", "virtio-serial", "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"],
	];
}

/**
 * @typedef {{ name: string, disk: string, seed: string, memory: number, cpus: number, mac: string, lan: string }} Spec
 * `disk`: image that stays as it is; `memory` in MiB; `lan`: "listen=127.0.0.1:PORT" or "connect=127.0.0.1:PORT"
 */
export class Machine {
	/** @param {string} folder @param {Spec} spec */
	constructor(folder, spec) {
		this.name = spec.name;
		this.console = join(folder, `${spec.name}.console`);
		this.socket = join(folder, `${spec.name}.agent`);
		const overlay = join(folder, `${spec.name}.qcow2`);
		run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", spec.disk, "-F", "qcow2", overlay]);
		const qemu = process.env.NODEBUILD_QEMU ?? "qemu-system-x86_64";
		this.process = spawn(qemu, qemuArguments(overlay, this.console, this.socket, spec), {
			stdio: ["ignore", "inherit", "inherit"],
		});
		this.begin = performance.now();
	}

	/** The last lines of the serial console. */
	tail(lines = 40) {
		return existsSync(this.console) ? readFileSync(this.console, "utf8").split("\n").slice(-lines).join("\n") : "";
	}

	/** Waits for the guest agent. @param {number} seconds at most */
	async ready(seconds) {
		const end = performance.now() + seconds * 1000;
		while (!existsSync(this.socket)) await this.#pause(end, 100);
		this.connection = createConnection(this.socket);
		this.connection.on("error", () => undefined);
		/** @type {AsyncIterator<string>} */
		this.lines = createInterface({ input: this.connection })[Symbol.asyncIterator]();
		// What is written before the agent runs waits in the channel and is answered then.
		const answer = this.#ask("guest-sync", { id: 4711 });
		let done = false;
		answer.then(
			() => {
				done = true;
			},
			() => undefined,
		);
		while (!done) await this.#pause(end, 500);
		return this;
	}

	/** @param {number} end @param {number} milliseconds */
	async #pause(end, milliseconds) {
		if (this.process.exitCode !== null) throw new Error(`${this.name}: QEMU ended with ${this.process.exitCode}`);
		if (performance.now() > end) throw new Error(`${this.name} does not answer; its console:\n${this.tail()}`);
		await sleep(milliseconds);
	}

	/** @param {string} execute @param {object} args @returns {Promise<any>} */
	async #ask(execute, args) {
		if (this.connection === undefined || this.lines === undefined) throw new Error(`${this.name} is not ready`);
		this.connection.write(`${JSON.stringify({ execute, arguments: args })}\n`);
		const { value, done } = await this.lines.next();
		if (done === true) throw new Error(`${this.name}: the guest agent is gone`);
		const answer = JSON.parse(value);
		if (answer.error !== undefined) throw new Error(`${this.name}: ${execute}: ${answer.error.desc}`);
		return answer.return;
	}

	/** A shell command, as root. @param {string} command */
	async run(command) {
		const { pid } = await this.#ask("guest-exec", {
			path: "/bin/sh",
			arg: ["-c", command],
			env: [
				"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				"KUBECONFIG=/etc/kubernetes/admin.conf",
			],
			"capture-output": true,
		});
		for (;;) {
			const status = await this.#ask("guest-exec-status", { pid });
			const text = (/** @type {string | undefined} */ data) =>
				Buffer.from(data ?? "", "base64")
					.toString()
					.trim();
			if (status.exited === true)
				return {
					status: status.exitcode ?? -1,
					stdout: text(status["out-data"]),
					stderr: text(status["err-data"]),
				};
			await sleep(200);
		}
	}

	/**
	 * Waits until a command succeeds, or until cloud-init fails; both looks are cheap, the machine has other work.
	 * @param {string} what @param {string} command @param {number} seconds at most
	 */
	async until(what, command, seconds) {
		const end = performance.now() + seconds * 1000;
		for (;;) {
			const { status, stdout, stderr } = await this.run(command);
			if (status === 0) return;
			await this.#ended();
			if (performance.now() > end)
				throw new Error(`${this.name}: waited ${seconds} s until ${what}\n${stdout}\n${stderr}`);
			await sleep(5000);
		}
	}

	/** Waits until cloud-init has done all that the seed asks for. @param {string} what @param {number} seconds at most */
	async settled(what, seconds) {
		await this.until(what, `test -e ${RESULT}`, seconds);
		await this.#ended();
	}

	/** What cloud-init has ended with, if it has. */
	async #ended() {
		const { status, stdout } = await this.run(`cat ${RESULT}`);
		if (status === 0 && JSON.parse(stdout).v1.errors.length > 0)
			throw new Error(`${this.name}: cloud-init failed: ${stdout}`);
	}

	async stop() {
		this.connection?.destroy();
		if (this.process.exitCode !== null || this.process.signalCode !== null) return;
		this.process.kill("SIGKILL");
		await once(this.process, "exit");
	}
}
