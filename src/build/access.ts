/** Commands in the namespaces of our sshd: what is mounted there, nothing of the machine sees. */
import type { ExecOptions, Guest } from "../guest/types.ts";

/** Every command is a child of our sshd, and has been moved to the machine's namespaces. */
const BACK = ["/bin/sh", "-c", 'exec nsenter -t "$PPID" -m -- "$@"', "sh"];

/** The same guest, seen from there. */
export function inAccess(guest: Guest): Guest {
	const moved = <T extends ExecOptions>(options: T): T => ({ ...options, argv: [...BACK, ...options.argv] });
	return {
		exec: (options) => guest.exec(moved(options)),
		capture: (options) => guest.capture(moved(options)),
		script: (text, options) =>
			guest.script(`exec nsenter -t "$PPID" -m -- /bin/sh -s <<'ACCESS'\n${text}ACCESS\n`, options),
		interactive: (options) => guest.interactive(options),
		close: () => guest.close(),
	};
}
