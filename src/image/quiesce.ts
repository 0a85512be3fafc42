/**
 * Nothing may write any more while a machine is sealed. Services that keep something end in their own order; then the
 * system manager itself stands still (cgroup freezer, kernel's cgroup-v2.rst), so that no timer, socket or restart
 * brings anything back, and what is left is ended. Almost all of it is the shell's own work: in an emulated guest a
 * program costs more to start than to run. Pure text.
 */

/** Keep nothing on disk but logs and caches, which go anyway: ended without ceremony. */
const PLAIN_UNITS = [
	...["systemd-*", "dbus*", "getty@*", "serial-getty@*", "ssh.service", "sshd.service", "sshd@*"],
	...["cron.service", "crond.service", "qemu-guest-agent.service", "polkit.service", "rsyslog.service"],
];
const PLAIN = PLAIN_UNITS.join("|");
/** Their control groups, and those below them. */
const PLAIN_GROUPS = PLAIN_UNITS.map((unit) => `*/${unit}${unit.endsWith("*") ? "" : "*"}`).join("|");

/**
 * Servers that have nothing to save, and whose order for it is SIGTERM ("fast shutdown", nginx(8); "stop now", httpd(8)):
 * they get it with what the Nodefile left behind, unless their unit has been changed. systemctl takes half a second for
 * that in an emulated guest.
 */
const WEB_SERVERS = ["nginx.service", "apache2.service", "httpd.service"];

/** Our own sshd and the commands over it run there. */
const OURS = "nodebuild-sshd.service";

/** The same for the program that waits in a guest (guest/agent/quiet-program.ts). */
export const QUIET_ROWS: readonly (readonly string[])[] = [
	["ours", OURS],
	["plain", ...PLAIN_UNITS.map((unit) => unit.replace("*", ""))],
	["server", ...WEB_SERVERS],
];

/** Without cgroup v2 nothing holds the manager: it is asked to stop all that it could start. */
const STOP_BY_MANAGER = `	units=$(systemctl list-units --type=timer,path,socket,service --state=running,waiting,listening --plain --no-legend |
		sed 's/ .*//' | grep -v -E '^(nodebuild-sshd|dbus|systemd-|user@|getty@|serial-getty@|init\\.scope)')
	[ -z "$units" ] || systemctl stop $units
	systemctl stop systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket \\
		syslog.socket systemd-journald.service systemd-timesyncd.service 2>/dev/null
`;

const STOP_SERVICES = `	units=
	for group in $cg/*.slice/*.service $cg/*.slice/*.slice/*.service; do
		# "populated 1": it has processes
		read -r word populated < "$group/cgroup.events" && [ "$populated" = 1 ] || continue
		unit=\${group##*/}
		case $unit in
			${OURS}) ;;
			${WEB_SERVERS.join("|")}) [ ! -e /etc/systemd/system/$unit ] && [ ! -e /etc/systemd/system/$unit.d ] || units="$units $unit" ;;
			${PLAIN})
				# one of that name that the Nodefile wrote
				if [ -f /etc/systemd/system/$unit ] && [ ! -L /etc/systemd/system/$unit ]; then units="$units $unit"
				else groups="$groups $group"; fi ;;
			*) units="$units $unit" ;;
		esac
	done 2>/dev/null
	[ -z "$units" ] || { systemctl stop $units & stopping=$!; }
`;

/**
 * Ours are this shell, what it descends from, and whatever is in the network namespace of our sshd. A process that the
 * Nodefile left behind is asked to end and has ten seconds.
 */
const END_PROCESSES = `	# since Linux 5.14; others are ended one by one
	for group in $groups; do
		[ ! -e "$group/cgroup.kill" ] || echo 1 > "$group/cgroup.kill"
	done
	shells=" $$ \${removing-} \${configuring-} "
	us=$shells
	pid=$$
	while read -r line < /proc/$pid/stat; do
		set -- \${line##*) }
		pid=$2
		[ "$pid" -gt 1 ] || break
		us="$us$pid "
	done 2>/dev/null
	for process in /proc/[0-9]*; do
		pid=\${process##*/}
		case $us in *" $pid "*) continue ;; esac
		[ "$pid" != 1 ] && [ -e $process/exe ] || continue
		[ ! $process/ns/net -ef /proc/$PPID/ns/net ] || continue
		read -r line < $process/cgroup || continue
		case $line in
			${PLAIN_GROUPS}) plain="$plain $pid" ;;
			*)
				# a program that our own shells have started
				read -r line < $process/stat || continue
				set -- \${line##*) }
				case $shells in *" $2 "*) ;; *) left="$left $pid" ;; esac ;;
		esac
	done 2>/dev/null
	[ -z "$plain" ] || kill -KILL $plain 2>/dev/null
	[ -z "$left" ] || kill -TERM $left 2>/dev/null
`;

/**
 * Shell after which nobody but us writes: what is still about to end has been killed. `wait_for PIDS TRIES` sets \$still to
 * those that have not ended. A zombie has, though nobody buries it any more.
 */
export const QUIESCE_SCRIPT = `wait_for() {
	tries=0
	while :; do
		still=
		for pid in $1; do
			read -r line < /proc/$pid/stat || continue
			case \${line##*) } in [ZX]*) ;; *) still="$still $pid" ;; esac
		done 2>/dev/null
		[ -n "$still" ] && [ $tries -lt $2 ] || return 0
		tries=$((tries + 1))
		# the start of a program takes longer than most take to end
		[ $tries -le 20 ] || sleep 0.01
	done
}
wait_for "$left" 1020
[ -z "$still" ] || kill -KILL $still 2>/dev/null
pids="$plain $still"
`;

/** Shell that has the services end which keep something; others work meanwhile. */
export const STOP_SCRIPT = `cg=/sys/fs/cgroup
stopping= groups=
if [ -e $cg/init.scope/cgroup.freeze ]; then
${STOP_SERVICES}elif command -v systemctl >/dev/null; then
${STOP_BY_MANAGER}fi
`;

/**
 * Shell after which nothing starts any more, and all that is not ours has been told to end. Ours are also $removing and
 * $configuring, shells in the background, and what they start.
 */
export const END_SCRIPT = `pids= left= plain=
[ -z "$stopping" ] || wait $stopping
if [ -e $cg/init.scope/cgroup.freeze ]; then
	echo 1 > $cg/init.scope/cgroup.freeze
${END_PROCESSES}fi
`;

/** Shell for later on: all that was killed is gone, and with it what it held open. */
export const GONE_SCRIPT = `if [ -n "$pids" ]; then
	wait_for "$pids" 1020
	[ -z "$still" ] || { echo "processes that do not end:$still" >&2; exit 1; }
fi
`;
