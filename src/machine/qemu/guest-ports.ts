/**
 * virtio-serial ports of a machine that can be frozen (virtio 1.2, 5.3). Behind one of them a shell waits to be told the
 * time, behind another an sshd that has started already: both are in the live state, so that a resumed machine has its
 * clock and its connection without starting a program. Started under emulation, an sshd takes half a second.
 */
import { once } from "node:events";
import { type FileHandle, open } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { SSH_PORTS, WAKE_PORT } from "./names.ts";

/** An sshd that waits in a frozen machine. */
export interface Spare {
	/** Index into SSH_PORTS. */
	readonly port: number;
	/** The identification that it has sent already (RFC 4253, 4.2). */
	readonly banner: string;
}

/** Milliseconds after which a resumed machine that does not answer on its ports is reached in the other way. */
const PATIENCE = 5000;
/** Milliseconds between two looks. */
const POLL = 20;

/** An sshd that does not start this often will not do so. */
const ATTEMPTS = 3;

/** One port: lines until it is handed on. */
class Port {
	readonly name: string;
	#socket: Socket | undefined;
	#text = "";
	#stop: (() => void) | undefined;

	constructor(name: string) {
		this.name = name;
	}

	async open(folder: FileHandle, onLine: (line: string) => void): Promise<void> {
		// By way of the open folder: its own path may be longer than a socket's may be.
		const socket = connect(`/proc/self/fd/${folder.fd}/${this.name}.sock`);
		// QEMU's end is told elsewhere.
		socket.on("error", () => undefined);
		await once(socket, "connect");
		const take = (data: Buffer): void => {
			this.#text += data.toString("latin1");
			const lines = this.#text.split("\n");
			this.#text = lines.pop() ?? "";
			for (const line of lines) onLine(line.trim());
		};
		socket.on("data", take);
		this.#stop = () => socket.off("data", take);
		this.#socket = socket;
	}

	write(line: string): void {
		this.#socket?.write(`${line}\n`);
	}

	/** From now on what comes is the caller's, after `before`. */
	take(before: string): Socket | undefined {
		this.#stop?.();
		this.#socket?.pause();
		this.#socket?.unshift(Buffer.from(before + this.#text, "latin1"));
		return this.#socket;
	}

	close(): void {
		this.#socket?.destroy();
	}
}

export class GuestPorts {
	readonly #folder: string;
	readonly #wake = new Port(WAKE_PORT);
	readonly #ssh = SSH_PORTS.map((name) => new Port(name));
	#handle: FileHandle | undefined;
	/** The shell of the wake port reads. */
	#listening = false;
	#awake: (() => void) | undefined;
	#spare: Spare | undefined;
	#taken: number | undefined;
	/** How often an sshd was asked for since the last one was there. */
	#attempts = 0;

	/** @param folder in which QEMU was started. */
	constructor(folder: string) {
		this.#folder = folder;
	}

	/** What a state that is frozen now has; undefined: a machine resumed from it starts its sshd itself. */
	get spare(): Spare | undefined {
		return this.#listening ? this.#spare : undefined;
	}

	/** Names of QEMU's character devices that a state with this spare is loaded with. */
	static names({ port }: Spare): readonly string[] {
		return [WAKE_PORT, SSH_PORTS[port] ?? ""];
	}

	/** Before a state with a spare is loaded: a port nobody holds would be hung up in the guest. */
	async prepare(spare: Spare | undefined): Promise<void> {
		if (spare === undefined) return;
		await this.#openWake();
		this.#listening = true;
		this.#spare = spare;
		await this.#openSsh(spare.port);
	}

	/** The connection to the sshd that has waited in the state. */
	take({ port, banner }: Spare): Socket | undefined {
		this.#spare = undefined;
		this.#taken = port;
		return this.#ssh[port]?.take(`${banner}\r\n`);
	}

	/**
	 * Set the guest's clock and stir its entropy; false: nobody answered.
	 * @param entropy as octal escapes of printf(1).
	 */
	async wake(now: number, entropy: string): Promise<boolean> {
		if (!this.#listening) return false;
		let timer: NodeJS.Timeout | undefined;
		const answer = new Promise<boolean>((resolve) => {
			this.#awake = () => resolve(true);
			timer = setTimeout(() => resolve(false), PATIENCE);
		});
		this.#wake.write(`${(now / 1000).toFixed(3)} ${entropy}`);
		const awake = await answer;
		clearTimeout(timer);
		return awake;
	}

	/** Have an sshd wait for the next freeze, behind the port that is not in use. */
	async refill(): Promise<void> {
		await this.#openWake();
		await this.#openSsh(this.#taken === 0 ? 1 : 0);
	}

	/** Resolves when an sshd waits, or is not to be expected any more. */
	async filled(): Promise<void> {
		const end = performance.now() + PATIENCE;
		while (this.spare === undefined && performance.now() < end && this.#handle !== undefined) await sleep(POLL);
	}

	/** The guest boots anew: whoever was there is gone. */
	reset(): void {
		this.#listening = false;
		this.#spare = undefined;
		this.#attempts = 0;
	}

	async close(): Promise<void> {
		for (const port of [this.#wake, ...this.#ssh]) port.close();
		await this.#handle?.close();
		this.#handle = undefined;
	}

	async #openWake(): Promise<void> {
		if (this.#handle !== undefined) return;
		this.#handle = await open(this.#folder);
		await this.#wake.open(this.#handle, (line) => {
			if (line === "ready") this.#listening = true;
			if (line === "awake") this.#awake?.();
		});
	}

	async #openSsh(index: number): Promise<void> {
		const port = this.#ssh[index];
		if (this.#handle === undefined || port === undefined) return;
		await port.open(this.#handle, (line) => {
			// A step may have ended it: the one that follows is asked to start.
			if (line === "ready") {
				this.#spare = undefined;
				if (this.#attempts++ < ATTEMPTS) port.write("go");
			}
			if (!line.startsWith("SSH-")) return;
			this.#spare = { port: index, banner: line };
			this.#attempts = 0;
		});
	}
}
