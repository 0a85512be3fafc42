/** What must be true of a guest before its first step runs: a table, read top to bottom. */
import { NodebuildError } from "../errors.ts";
import type { Guest } from "./types.ts";

interface Requirement {
	readonly description: string;
	/** Shell that waits and exits 0 when it is so; what it prints is shown when it is not. */
	readonly script: string;
	/** Milliseconds. */
	readonly timeout: number;
	readonly hint: string;
	/** False: a warning. */
	readonly fatal: boolean;
	/** Only on the first boot of a base or image, when cloud-init has work to do. */
	readonly firstBoot: boolean;
}

const CLOUD_INIT_ERRORS = `command -v cloud-init >/dev/null || { echo "cloud-init is not installed"; exit 1; }
cloud-init status --wait >/dev/null 2>&1
[ -e /run/cloud-init/result.json ] || { echo "cloud-init wrote no result"; exit 1; }
grep -q '"errors": \\[\\]' /run/cloud-init/result.json && exit 0
sed -n '/"errors": \\[/,$p' /run/cloud-init/result.json | grep -v -e '"errors"' -e '^ *[]}]*$'
exit 1`;

const SYSTEM_RUNNING = `command -v systemctl >/dev/null || exit 0
state=$(systemctl is-system-running --wait 2>/dev/null)
case $state in
running) exit 0 ;;
degraded) systemctl --failed --plain --no-legend | cut -d' ' -f1 | sed 's/^/failed unit: /'; exit 1 ;;
*) echo "systemd says: $state"; exit 1 ;;
esac`;

const NETWORK = `for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	ip route show default | grep -q . && exit 0
	sleep 0.5
done
echo "no default route"; exit 1`;

const PACKAGES_IDLE = `for try in $(seq 240); do
	busy=
	for name in apt apt-get dpkg unattended-upgr dnf dnf5 yum rpm zypper apk packagekitd; do
		for comm in /proc/[0-9]*/comm; do
			read -r running < "$comm" 2>/dev/null && [ "$running" = "$name" ] && busy=$name
		done
	done
	[ -z "$busy" ] && exit 0
	sleep 0.5
done
echo "still running: $busy"; exit 1`;

const REQUIREMENTS: readonly Requirement[] = [
	{
		description: "cloud-init has finished without errors",
		script: CLOUD_INIT_ERRORS,
		timeout: 600_000,
		hint: "the base's cloud-init reported this itself; see /var/log/cloud-init.log on a machine of it",
		fatal: false,
		firstBoot: true,
	},
	{
		description: "the system is running",
		script: SYSTEM_RUNNING,
		timeout: 600_000,
		hint: "systemctl status and journalctl -b on a machine of this image tell why",
		fatal: false,
		firstBoot: false,
	},
	{
		description: "the network has a default route",
		script: NETWORK,
		timeout: 60_000,
		hint: "steps that download will fail; look at the network configuration that the base or an earlier step left",
		fatal: false,
		firstBoot: false,
	},
	{
		description: "no package manager is at work",
		script: PACKAGES_IDLE,
		timeout: 180_000,
		hint: "a job of the base holds the package manager's lock; disable it in an earlier step",
		fatal: false,
		firstBoot: true,
	},
];

export interface ReadinessWarning {
	readonly description: string;
	readonly detail: string;
	readonly hint: string;
}

/** @throws NodebuildError MACHINE_NOT_READY when a fatal requirement is not met. */
export async function waitUntilReady(guest: Guest, firstBoot: boolean): Promise<readonly ReadinessWarning[]> {
	const warnings: ReadinessWarning[] = [];
	for (const requirement of REQUIREMENTS) {
		if (requirement.firstBoot && !firstBoot) continue;
		const { description, hint, script, timeout } = requirement;
		const result = await guest.capture({ argv: ["/bin/sh", "-s"], stdin: script, timeout });
		if (result.status === 0) continue;
		const detail = result.stdout.trim() || result.stderr.trim() || `status ${result.status}`;
		if (!requirement.fatal) warnings.push({ description, detail, hint });
		else
			throw new NodebuildError({
				code: "MACHINE_NOT_READY",
				message: `the machine is not ready: expected that ${description}`,
				details: detail.split("\n"),
				hint,
			});
	}
	return warnings;
}
