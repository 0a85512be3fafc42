/** The serial console of a machine on our terminal. */
import { connect } from "node:net";
import { NodebuildError } from "../errors.ts";
import type { Machine } from "../machine/types.ts";
import type { MachineOptions } from "./types.ts";

/** Ctrl-], as telnet and virsh have it. */
const LEAVE = 0x1d;

/** Resolves when the user leaves it or the machine is gone. */
export async function attachConsole(machine: Machine, options: MachineOptions): Promise<number> {
	const path = machine.consoleSocket;
	if (path === undefined)
		throw new NodebuildError({ code: "MACHINE_START", message: "this machine has no console to attach to" });
	const { stdin, stdout } = process;
	options.emit({ type: "info", message: "serial console of the machine; Ctrl-] leaves it and ends the machine" });
	const socket = connect(path);
	const raw = stdin.isTTY === true;
	if (raw) stdin.setRawMode(true);
	try {
		await new Promise<void>((resolve, reject) => {
			socket.on("error", reject);
			socket.on("close", () => resolve());
			socket.pipe(stdout, { end: false });
			stdin.on("data", (data: Buffer) => {
				if (data.includes(LEAVE)) return resolve();
				socket.write(data);
			});
			options.signal.addEventListener("abort", () => resolve(), { once: true });
			machine.gone.then(resolve);
		});
		return 0;
	} finally {
		socket.destroy();
		if (raw) stdin.setRawMode(false);
		stdin.pause();
	}
}
