/** An image's configuration as files of the guest. Pure: the script that writes them is the result. */
import { EMPTY_CONFIG, type ImageConfig } from "../plan/types.ts";
import { entrypointUnit, quoteWord } from "./systemd.ts";

export const ENTRYPOINT_UNIT = "nodebuild-entrypoint.service";
const UNIT_FILE = `/etc/systemd/system/${ENTRYPOINT_UNIT}`;
const WANTS_LINK = `/etc/systemd/system/multi-user.target.wants/${ENTRYPOINT_UNIT}`;
const PROFILE = "/etc/profile.d/nodebuild-env.sh";
const MANAGER = "/etc/systemd/system.conf.d/50-nodebuild-env.conf";
const BEGIN = "# begin: ENV of the Nodefile";
const END = "# end: ENV of the Nodefile";

/** A heredoc that writes `content` as it is. */
function writeFile(path: string, content: string): string {
	return `mkdir -p ${path.slice(0, path.lastIndexOf("/"))}\ncat > ${path} <<'NODEBUILD_END'\n${content}${content.endsWith("\n") ? "" : "\n"}NODEBUILD_END\n`;
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
	const unit = entrypointUnit(config);
	return [
		`rm -f ${PROFILE} ${MANAGER} ${UNIT_FILE} ${WANTS_LINK}\n`,
		`if [ -f /etc/environment ]; then sed -i '/^${BEGIN}$/,/^${END}$/d' /etc/environment; fi\n`,
		...(variables.length === 0 ? [] : environmentFiles(variables)),
		...(unit === undefined
			? []
			: [
					'command -v systemctl >/dev/null || { echo "CMD and ENTRYPOINT need systemd in the image" >&2; exit 1; }\n',
					writeFile(UNIT_FILE, unit),
					`mkdir -p ${WANTS_LINK.slice(0, WANTS_LINK.lastIndexOf("/"))}\nln -s ${UNIT_FILE} ${WANTS_LINK}\n`,
				]),
	].join("");
}

/** pam_env cuts at "#", strips quotes, joins after a backslash: such values are for profile.d alone. */
const PAM_ENV_SAYS = /^(?!["'])[^#\n]*(?<!["'\\\s])$/;

function environmentFiles(variables: ImageConfig["env"]): string[] {
	const lines = variables.filter(([, value]) => PAM_ENV_SAYS.test(value)).map(([name, value]) => `${name}=${value}`);
	const block = [BEGIN, ...lines, END].join("\n");
	const shell = variables
		.filter(([name]) => /^[A-Za-z_]\w*$/.test(name))
		.map(([name, value]) => `export ${name}=${shellQuote(value)}`);
	const manager = variables.map(([name, value]) => `DefaultEnvironment=${quoteWord(`${name}=${value}`)}`);
	return [
		`[ -z "$(tail -c 1 /etc/environment 2>/dev/null)" ] || echo >> /etc/environment\n`,
		`cat >> /etc/environment <<'NODEBUILD_END'\n${block}\nNODEBUILD_END\n`,
		writeFile(PROFILE, `${shell.join("\n")}\n`),
		writeFile(MANAGER, `[Manager]\n${manager.join("\n")}\n`),
	];
}
