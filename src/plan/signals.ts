/** Names of signals that STOPSIGNAL takes: moby/sys signal, Linux. */

const NAMES = [
	"ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS",
	"TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX",
]
	.join(" ")
	.split(" ");

const REALTIME = [
	...Array.from({ length: 15 }, (_, i) => `RTMIN+${i + 1}`),
	...Array.from({ length: 14 }, (_, i) => `RTMAX-${i + 1}`),
];

export const SIGNAL_NAMES: readonly string[] = [...NAMES, ...REALTIME];

/** Linux has so many (signal(7)); systemd takes no other in KillSignal=. */
const HIGHEST = 64;

/** A number from 1 to 64, or a name with or without SIG, in any case. */
export function isSignal(text: string): boolean {
	if (/^[+-]?\d+$/.test(text)) return Number(text) >= 1 && Number(text) <= HIGHEST;
	return SIGNAL_NAMES.includes(text.toUpperCase().replace(/^SIG/, ""));
}
