/** Unit files: quoting and words as systemd.syntax(7), systemd.service(5) and systemd.exec(5) have them. Pure. */
import type { CommandForm } from "../instructions/types.ts";
import type { ImageConfig } from "../plan/types.ts";

/** A word inside double quotes; `%` starts a specifier everywhere. */
export function quoteWord(text: string): string {
	const escaped = text
		.replaceAll("\\", "\\\\")
		.replaceAll('"', '\\"')
		// biome-ignore lint/suspicious/noControlCharactersInRegex: a carriage return would end the line, others are for no eye
		.replace(/[\u0001-\u001f\u007f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`)
		.replaceAll("%", "%%");
	return `"${escaped}"`;
}

/** A word of ExecStart, where `$` is expanded too. */
function commandWord(text: string): string {
	return quoteWord(text).replaceAll("$", "$$$$");
}

const DEFAULT_SHELL = ["/bin/sh", "-c"];

function argvOf(command: CommandForm, config: ImageConfig): readonly string[] {
	return command.form === "exec" ? command.argv : [...(config.shell ?? DEFAULT_SHELL), command.script];
}

/**
 * What runs when an image starts, by Docker's rule: an ENTRYPOINT in exec form takes CMD as its
 * arguments, one in shell form ignores it. Undefined: nothing.
 */
export function mainCommand(config: ImageConfig): readonly string[] | undefined {
	const { entrypoint, cmd } = config;
	const argv =
		entrypoint === undefined
			? ((cmd && argvOf(cmd, config)) ?? [])
			: entrypoint.form === "shell"
				? argvOf(entrypoint, config)
				: [...entrypoint.argv, ...(cmd === undefined ? [] : argvOf(cmd, config))];
	return argv.length === 0 ? undefined : argv;
}

/**
 * The unit that runs an image's main command at boot.
 * @param listed false: USER's numbers are in no /etc/passwd or /etc/group, which `User=` would refuse.
 */
export function entrypointUnit(config: ImageConfig, listed = true): string | undefined {
	const argv = mainCommand(config);
	if (argv === undefined) return undefined;
	const [user = "", group = ""] = config.user.split(":", 2);
	const hasHome = config.env.some(([name]) => name === "HOME");
	// Services of root have no HOME, and numbers have none either; a container's main process has.
	const home = !listed ? "/" : user === "" ? "/root" : undefined;
	return [
		"# Made from the Nodefile's ENTRYPOINT, CMD, ENV, WORKDIR, USER and STOPSIGNAL.",
		"[Unit]",
		"Description=Main process of the image",
		"Wants=network-online.target",
		"After=network-online.target",
		"",
		"[Service]",
		"Type=simple",
		// A program without a slash is looked up in the image's PATH, as Docker does.
		`ExecStart=${[...(listed ? [] : byNumber(user, group)), "/usr/bin/env", "--"].join(" ")} ${program(argv).map(commandWord).join(" ")}`,
		...(home === undefined || hasHome ? [] : [`Environment=${quoteWord(`HOME=${home}`)}`]),
		...config.env.map(([name, value]) => `Environment=${quoteWord(`${name}=${value}`)}`),
		`WorkingDirectory=${pathValue(config.workdir)}`,
		...(user === "" || !listed ? [] : [`User=${user}`]),
		...(group === "" || !listed ? [] : [`Group=${group}`]),
		`KillSignal=${signalName(config.stopSignal)}`,
		"KillMode=mixed",
		"Restart=on-failure",
		"RestartSec=1",
		"",
		"[Install]",
		"WantedBy=multi-user.target",
		"",
	].join("\n");
}

/** Numbers of USER that an image may have no account for; undefined when names are to be looked up. */
export function numbersOf(user: string): { readonly user: string; readonly group: string } | undefined {
	const [name = "", group = ""] = user.split(":", 2);
	return /^\d+$/.test(name) && /^\d*$/.test(group) ? { user: name, group } : undefined;
}

/** Docker: the number as it is, group 0 unless one is named, no further groups. */
function byNumber(user: string, group: string): readonly string[] {
	return ["/usr/bin/setpriv", `--reuid=${user}`, `--regid=${group === "" ? "0" : group}`, "--clear-groups", "--"];
}

/** env(1) takes a first word with "=" for one more variable; nice(1) changes nothing and runs it. */
function program(argv: readonly string[]): readonly string[] {
	return argv[0]?.includes("=") === true ? ["nice", "-n", "0", ...argv] : argv;
}

/** A path is taken as it is up to the end of the line, without the blanks there; a backslash there would join lines. */
function pathValue(path: string): string {
	return `${path.replaceAll("%", "%%")}${/[\s\\]$/.test(path) ? "/" : ""}`;
}

function signalName(signal: string | undefined): string {
	if (signal === undefined) return "SIGTERM";
	if (/^\d+$/.test(signal)) return signal;
	return signal.toUpperCase().startsWith("SIG") ? signal.toUpperCase() : `SIG${signal.toUpperCase()}`;
}
