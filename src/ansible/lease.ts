/**
 * A key that may log in to the machine for as long as roles are run, and then lands where RUN's commands are: in the
 * namespaces of process 1, not in those of our sshd.
 */
import { PassThrough } from "node:stream";
import { NodebuildError } from "../errors.ts";
import { commandLine, quote } from "../guest/command.ts";
import type { Guest } from "../guest/types.ts";

/**
 * $line: for authorized_keys; $enter: what the key runs. The key is gone when standard input ends: with our connection,
 * at the latest. Nothing may stand after the call, since it is cat's.
 */
const LEASE = `lease() {
set -e
umask 077
cd /etc/ssh
cp authorized_keys authorized_keys.own
printf '%s\\n' "$enter" > enter
printf '%s\\n' "$line" | cat authorized_keys.own - > authorized_keys.new
mv authorized_keys.new authorized_keys
echo ready
cat > /dev/null
mv authorized_keys.own authorized_keys
rm -f enter
}
lease
`;

const ENVIRONMENT = [
	["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
	["HOME", "/root"],
	["LC_ALL", "C.UTF-8"],
] as const;

/** sshd has what the client asked for in a variable; a login begins in the home directory. */
function entrance(): string {
	const argv = ["/bin/sh", "-c", 'cd 2>/dev/null || cd /; exec /bin/sh -c "$1"', "sh"];
	return `${commandLine({ argv, env: ENVIRONMENT, cwd: "/", network: "default", stdin: true })} "$SSH_ORIGINAL_COMMAND"`;
}

class Lease {
	readonly #guest: Guest;
	readonly #script: string;
	#input = new PassThrough();
	#over = false;

	constructor(guest: Guest, publicKey: string) {
		this.#guest = guest;
		const line = `restrict,pty,command="exec /bin/sh /etc/ssh/enter" ${publicKey.trim()}`;
		this.#script = `line=${quote(line)}\nenter=${quote(entrance())}\n${LEASE}`;
	}

	/** Until `end`. A role may reboot the machine, which then knows the key no more. */
	async hold(onTaken: () => void): Promise<void> {
		while (!this.#over) {
			this.#input = new PassThrough();
			this.#input.write(this.#script);
			const argv = ["/bin/sh", "-s"];
			const { status, rebooted } = await this.#guest.exec({
				argv,
				stdin: this.#input,
				place: "access",
				onStdout: onTaken,
			});
			if (!rebooted && !this.#over) throw refused(status);
		}
	}

	end(): void {
		this.#over = true;
		this.#input.end();
	}
}

/**
 * `work` gets a signal that fires when the machine is lost too.
 * @throws NodebuildError MACHINE_LOST when the machine does not take the key or is lost, and whatever `work` throws.
 */
export async function withKey<T>(
	guest: Guest,
	publicKey: string,
	signal: AbortSignal,
	work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
	const lease = new Lease(guest, publicKey);
	const lost = new AbortController();
	let held = Promise.resolve();
	const taken = new Promise<void>((resolve) => {
		held = lease.hold(resolve);
	});
	held.catch(() => lost.abort());
	try {
		await Promise.race([taken, held]);
		return await work(AbortSignal.any([signal, lost.signal]));
	} catch (error) {
		if (lost.signal.aborted) await held;
		throw error;
	} finally {
		lease.end();
		await held.catch(() => undefined);
	}
}

function refused(status: number): NodebuildError {
	return new NodebuildError({
		code: "MACHINE_LOST",
		message: `the machine did not take the key that Ansible logs in with: status ${status}`,
	});
}
