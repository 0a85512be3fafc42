/** A guest whose commands run in another place than the machine's own namespaces. */
import type { Guest, Place } from "./types.ts";

export function inPlace(guest: Guest, place: Place): Guest {
	return {
		exec: (options) => guest.exec({ place, ...options }),
		capture: (options) => guest.capture({ place, ...options }),
		script: (text, options) => guest.script(text, { place, ...options }),
		interactive: (options) => guest.interactive(options),
		forwardSocket: (path, onConnection) => guest.forwardSocket(path, onConnection),
		close: () => guest.close(),
	};
}
