/** Unit files: quoting and words as systemd.syntax(7), systemd.service(5) and systemd.exec(5) have them. Pure. */
import type { CommandForm } from "../instructions/types.ts";
import type { ImageConfig } from "../plan/types.ts";

/** A word inside double quotes; `%` starts a specifier everywhere. */
export function quoteWord(text: string): string {
	const escaped = text
		.replaceAll("\\", "\\\\")
		.replaceAll('"', '\\"')
		.replaceAll("\n", "\\n")
		.replaceAll("\t", "\\t")
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

/** The unit that runs an image's main command at boot. */
export function entrypointUnit(config: ImageConfig): string | undefined {
	const argv = mainCommand(config);
	if (argv === undefined) return undefined;
	const [user = "", group = ""] = config.user.split(":", 2);
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
		`ExecStart=/usr/bin/env -- ${argv.map(commandWord).join(" ")}`,
		// Services of root have no HOME; a container's main process has.
		...(user === "" && !config.env.some(([name]) => name === "HOME") ? ['Environment="HOME=/root"'] : []),
		...config.env.map(([name, value]) => `Environment=${quoteWord(`${name}=${value}`)}`),
		`WorkingDirectory=${config.workdir.replaceAll("%", "%%")}`,
		...(user === "" ? [] : [`User=${user}`]),
		...(group === "" ? [] : [`Group=${group}`]),
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

function signalName(signal: string | undefined): string {
	if (signal === undefined) return "SIGTERM";
	if (/^\d+$/.test(signal)) return signal;
	return signal.toUpperCase().startsWith("SIG") ? signal.toUpperCase() : `SIG${signal.toUpperCase()}`;
}
