/** Starting the program in a guest. */
import { randomBytes } from "node:crypto";
import { quote } from "../command.ts";
import { AGENT_PROGRAM } from "./program.ts";

/** A key that both sides of the program's connections have: 32 bytes, hexadecimal. */
export function generateAgentKey(): string {
	return randomBytes(32).toString("hex");
}

export interface AgentStart {
	readonly key: string;
	/** Where it is to answer. */
	readonly address: string;
	/** 0: any. */
	readonly port: number;
	/** Where the copy of Python goes; default: where only our sshd's mount namespace has it. */
	readonly folder?: string;
	/** The process in whose namespaces commands run; default: the machine's first. */
	readonly init?: string;
	/** Socket of systemd; default: that of the machine's. */
	readonly manager?: string;
}

/**
 * Shell that starts the program, in the place of our sshd: there it has an address, and a copy of Python with a name
 * that no step ends. It prints the port, and ends with another status than 0 where the guest cannot run it.
 */
export function startAgent({ key, address, port, folder = "/run", init = "1", manager }: AgentStart): string {
	const socket = quote(manager ?? `/proc/${init}/root/run/systemd/private`);
	// Neither its name nor its arguments say "python".
	const copy = quote(`${folder}/machine-access-agent`);
	return `set -e
umask 077
# where bash has the text below for a moment
export TMPDIR=${quote(folder)}
python=$(command -v python3 || command -v /usr/libexec/platform-python)
cp "$(readlink -f "$python")" ${copy}
env -i ${copy} -I -S -B - ${address} ${port} ${init} ${socket} <<'PROGRAM'
${AGENT_PROGRAM.trim().replace("@KEY@", key)}
PROGRAM
`;
}
