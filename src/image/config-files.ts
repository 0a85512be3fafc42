/** An image's configuration as files of the guest. Pure: the script that writes them is the result. */
import { EMPTY_CONFIG, type ImageConfig } from "../plan/types.ts";
import { entrypointUnit, numbersOf, quoteWord } from "./systemd.ts";

export const ENTRYPOINT_UNIT = "nodebuild-entrypoint.service";
const UNIT_FILE = `/etc/systemd/system/${ENTRYPOINT_UNIT}`;
const WANTS_LINK = `/etc/systemd/system/multi-user.target.wants/${ENTRYPOINT_UNIT}`;
const PROFILE = "/etc/profile.d/nodebuild-env.sh";
const MANAGER = "/etc/systemd/system.conf.d/50-nodebuild-env.conf";
const BEGIN = "# begin: ENV of the Nodefile";
const END = "# end: ENV of the Nodefile";

/** Shell that writes or appends `content` as it is, with no program but the shell. */
function print(redirection: ">" | ">>", path: string, content: string): string {
	return `printf %s ${shellQuote(content.endsWith("\n") ? content : `${content}\n`)} ${redirection} ${path}\n`;
}

function writeFile(path: string, content: string): string {
	const folder = path.slice(0, path.lastIndexOf("/"));
	return `[ -d ${folder} ] || mkdir -p ${folder}\n${print(">", path, content)}`;
}

function shellQuote(text: string): string {
	return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Variables that the image sets beyond what every image has. */
function ownVariables(config: ImageConfig): ImageConfig["env"] {
	const standard = new Map(EMPTY_CONFIG.env);
	return config.env.filter(([name, value]) => standard.get(name) !== value);
}

/**
 * Shell that brings the guest's files in line with the configuration: ENV for login sessions
 * (/etc/environment, read by pam_env(8); profile.d for shells that reset PATH) and for services
 * (DefaultEnvironment of systemd-system.conf(5)), and the unit of ENTRYPOINT and CMD. What an image
 * below this one left of the same kind is replaced.
 */
export function configScript(config: ImageConfig): string {
	const variables = ownVariables(config);
	const unit = unitFile(config);
	return [
		`for file in ${PROFILE} ${MANAGER} ${UNIT_FILE} ${WANTS_LINK}; do\n`,
		`	[ ! -e $file ] && [ ! -L $file ] || rm -f $file\ndone\n`,
		`if [ -f /etc/environment ]; then while read -r line; do\n`,
		`	[ "$line" != '${BEGIN}' ] || sed -i '/^${BEGIN}$/,/^${END}$/d' /etc/environment\n`,
		`done < /etc/environment; fi\n`,
		...(variables.length === 0 ? [] : environmentFiles(variables)),
		...(unit === undefined
			? []
			: [
					'command -v systemctl >/dev/null || { echo "CMD and ENTRYPOINT need systemd in the image" >&2; exit 1; }\n',
					unit,
					`mkdir -p ${WANTS_LINK.slice(0, WANTS_LINK.lastIndexOf("/"))}\nln -s ${UNIT_FILE} ${WANTS_LINK}\n`,
				]),
	].join("");
}

/** pam_env cuts at "#", strips quotes, joins after a backslash: such values are for profile.d alone. */
const PAM_ENV_SAYS = /^(?!["'])[^#\n]*(?<!["'\\\s])$/;

function unitFile(config: ImageConfig): string | undefined {
	const unit = entrypointUnit(config);
	const numbers = numbersOf(config.user);
	const unlisted = entrypointUnit(config, false);
	if (unit === undefined || unlisted === undefined || numbers === undefined) return unit && writeFile(UNIT_FILE, unit);
	const group = numbers.group === "" ? "" : ` && getent group ${numbers.group} >/dev/null`;
	return [
		`if getent passwd ${numbers.user} >/dev/null${group}; then\n${writeFile(UNIT_FILE, unit)}`,
		`else\n${writeFile(UNIT_FILE, unlisted)}fi\n`,
	].join("");
}

function environmentFiles(variables: ImageConfig["env"]): string[] {
	const lines = variables.filter(([, value]) => PAM_ENV_SAYS.test(value)).map(([name, value]) => `${name}=${value}`);
	const block = [BEGIN, ...lines, END].join("\n");
	const shell = variables
		.filter(([name]) => /^[A-Za-z_]\w*$/.test(name))
		.map(([name, value]) => `export ${name}=${shellQuote(value)}`);
	const manager = variables.map(([name, value]) => `DefaultEnvironment=${quoteWord(`${name}=${value}`)}`);
	return [
		"line=\nif [ -f /etc/environment ]; then while read -r line; do line=; done < /etc/environment; fi\n",
		'[ -z "$line" ] || echo >> /etc/environment\n',
		print(">>", "/etc/environment", block),
		writeFile(PROFILE, `${shell.join("\n")}\n`),
		writeFile(MANAGER, `[Manager]\n${manager.join("\n")}\n`),
	];
}
