/** Commands in the namespaces of our sshd: what is mounted there, nothing of the machine sees. */
import { inPlace } from "../guest/in-place.ts";
import type { Guest } from "../guest/types.ts";

/** The same guest, seen from there. */
export function inAccess(guest: Guest): Guest {
	return inPlace(guest, "access");
}
