/**
 * The variables of a Kubernetes image, as kubernetes-sigs/image-builder (images/capi) names and means them, and a few of
 * our own. Values come as text from the command line and the environment, and as anything from JSON files.
 */
import * as z from "zod";
import { extraVarsFault } from "./extra-vars.ts";
import { eachOf, flag, hasLogin, loginFault, matching, nullable, shown, text, withoutLogin } from "./fields.ts";
import { parseImageName } from "../../nodefile/image-name.ts";
import { nearest } from "../../nodefile/suggest.ts";
import { bytesOf, plainToml, tomlFault } from "./toml.ts";
import { CNI_PLUGINS } from "./versions.ts";

const roles = eachOf(/\s+/, /^(\/\S*|\w[\w.-]*)$/, "names or absolute paths of Ansible roles").transform((list) =>
	list.join(" "),
);
/** Quotes around all of it are dropped, those around a value are not. It may hold passwords: no message has any of it. */
const anyVars = z.union([z.record(z.string(), z.unknown()), z.string(), z.null()], {
	error: ({ input }) =>
		`expected a text or an object of variables, got ${Array.isArray(input) ? "a list" : `a ${typeof input}`}`,
});
const extraVars = anyVars.transform((value, context) => {
	if (typeof value === "object") return value === null ? "" : JSON.stringify(value);
	const [, quote = "", inner] = /^\s*(["'])(.*)\1\s*$/s.exec(value) ?? [];
	const vars = (inner === undefined || inner.includes(quote) ? value : inner).trim();
	const message = extraVarsFault(vars);
	if (message !== undefined) context.addIssue({ code: "custom", message });
	return vars;
});
const packages = eachOf(/\s+/, /^[a-zA-Z0-9][a-zA-Z0-9+._:~=@*/-]*$/, "names of packages").transform((list) =>
	list.join(" "),
);
/** Each is a file of its own name in one folder of the machine. */
const paths = eachOf(/\s+/, /^\/\S+$/, "absolute paths").transform((list, context) => {
	const nameOf = (path: string): string => path.replace(/.*\//, "");
	const twice = list.filter((path) => list.filter((other) => nameOf(other) === nameOf(path)).length > 1);
	if (twice.length > 0)
		context.addIssue({ code: "custom", message: `expected files of different names, got ${twice.join(" and ")}` });
	return list;
});
/** None with a password. */
const plain = (address: RegExp) => (text: string) => address.test(text) && !hasLogin(text);
const withoutPassword = "http:// or https:// addresses without user and password (these are the secret download)";
const archives = eachOf(",", plain(/^https?:\/\/\S+$/), withoutPassword).transform((list) => list.join(","));
/** With a file's name before any query. */
const programs = eachOf(
	",",
	plain(/^https?:\/\/[^\s/?#]+\/(?:[^\s?#]*\/)?[\w+~][\w.+~-]*(?:[?#]\S*)?$/),
	`${withoutPassword} that end in a file's name before any query`,
).transform((list, context) => {
	const names = list.map(programName);
	const twice = names.find((name, index) => names.indexOf(name) !== index);
	if (twice !== undefined)
		context.addIssue({ code: "custom", message: `expected programs of different names, got two named "${twice}"` });
	return list.join(",");
});

/** As finish.sh names it. */
const programName = (address: string): string => address.replace(/[?#].*/, "").replace(/.*\//, "");
const isImage = (text: string): boolean => parseImageName(text) !== undefined;
const images = eachOf(",", isImage, "image references such as registry.example.org/app:1.2").transform((list) =>
	list.join(","),
);
/** Of one image, to which a tag is added. */
const isRepository = (text: string): boolean => parseImageName(text)?.name === text;
/** A registry's host, with a folder in it or not. */
const isRegistry = (text: string): boolean => isRepository(`${text}/image`);
const repository = (test: (text: string) => boolean, none: "nothing" | "refused" | "itself") =>
	matching(test, "a repository such as registry.example.org/app, without a tag", none);
const proxy = matching(/^(https?|socks5h?):\/\/\S+$/, "an address such as http://proxy.example.org:3128", "nothing");
const address = (instead: string, none: "nothing" | "refused", form = /^(https?:\/\/|file:\/)\S+$/) =>
	matching(form, "an http:// or https:// address", none).superRefine((value, context) => {
		const message = loginFault(value, instead);
		if (message !== undefined) context.addIssue({ code: "custom", message });
	});
const ofRepository = (file: string): string =>
	`name a repository that asks for them with extra_repos, and write them to ${file} with a role of firstboot_custom_roles_pre`;
const OF_KEY = "a public key has to be there without them, or in what a role of firstboot_custom_roles_pre writes";

/** As image-builder's files of all years have it: an address, or an address, a suite and components, after "deb" or not. */
const debRepository = nullable("refused").transform((value, context) => {
	const [first = "", suite = "", ...components] = value.replace(/^deb\s+/, "").split(/\s+/);
	const isWord = (word: string) => /^[\w./~+-]+$/.test(word);
	const login = loginFault(value, ofRepository("/etc/apt/auth.conf.d"));
	if (
		value === "" ||
		(login === undefined &&
			/^(https?:\/\/|file:\/)[^\s"]+$/.test(first) &&
			[suite, ...components].every((w) => w === "" || isWord(w)))
	) {
		// A suite that ends in a slash is a folder, and has no components.
		if (suite === "" || suite === "/") return first;
		return [first, suite, ...(components.length > 0 || suite.endsWith("/") ? components : ["main"])].join(" ");
	}
	context.addIssue({
		code: "custom",
		message:
			login ??
			`expected an address, or an address, a suite and components, without options, got "${withoutLogin(value)}"`,
	});
	return z.NEVER;
});
/** Several, for each generation of keys. */
const keys = eachOf(
	/[\s,]+/,
	plain(/^(https?:\/\/|file:\/)\S+$/),
	`http:// or https:// addresses without user and password (${OF_KEY})`,
).transform((list) => list.join(" "));
const path = (none: "nothing" | "refused") => matching(/^\/\S*$/, "an absolute path", none);
/** finish.sh is in this folder, and removes it at the end. */
const OURS = "/usr/local/lib/nodebuild";
const destination = path("refused").superRefine((value, context) => {
	const folder = value.split("/").reduce(inFolder, "");
	if (folder === OURS || folder.startsWith(`${OURS}/`))
		context.addIssue({
			code: "custom",
			message: `expected another folder than ${OURS}, which is gone at the end, got ${value}`,
		});
});
/** As POSIX resolves a path, without links. */
function inFolder(folder: string, part: string): string {
	if (part === "" || part === ".") return folder;
	return part === ".." ? folder.replace(/\/[^/]*$/, "") : `${folder}/${part}`;
}
/**
 * Lines of base64 are joined; the TOML is written anew, as the script in the machine can read it. It may hold passwords of
 * registries: no message has any of it.
 */
const settings = nullable("nothing").transform((value, context) => {
	const joined = value.replace(/\s+/g, "");
	const bytes = bytesOf(joined);
	const fault = bytes === undefined ? undefined : tomlFault(bytes);
	if (bytes !== undefined && fault === undefined) return Buffer.from(plainToml(bytes)).toString("base64");
	const message =
		bytes === undefined
			? `expected base64 of TOML, got ${value.length} characters that are no base64`
			: `expected TOML in base64: ${fault}`;
	context.addIssue({ code: "custom", message });
	return z.NEVER;
});
/** What the package managers and the scripts read as one version, or a pattern of some. */
const packageVersion = text.transform((value, context) => {
	const version = value.replace(/^v(?=\d)/, "");
	if (/^([\w.+~*?:-]*[\w.+~*?:])?$/.test(version)) return version;
	context.addIssue({
		code: "custom",
		message: `expected a package's version such as 1.34.2-1.1 or 1.34.2-*, got ${shown(value)}`,
	});
	return z.NEVER;
});
const tag = (none: "refused" | "itself") => matching(/^[\w][\w.-]*$/, "a version", none);
const CNIS = [...CNI_PLUGINS, "none"] as const;
const cni = nullable("itself").transform((value, context) => {
	const word = value.toLowerCase() || "cilium";
	const known = CNIS.find((name) => name === word);
	if (known !== undefined) return known;
	const similar = nearest(word, CNIS);
	const hint = similar === undefined ? "" : ` (did you mean ${similar}?)`;
	context.addIssue({ code: "custom", message: `expected ${CNI_PLUGINS.join(", ")} or none, got "${value}"${hint}` });
	return z.NEVER;
});

/** Every variable with its type; what is absent gets its default in index.ts. */
export const VARIABLES = {
	firstboot_custom_roles_pre: roles,
	firstboot_custom_roles_post: roles,
	node_custom_roles_pre: roles,
	node_custom_roles_post: roles,
	custom_role_names: roles,
	ansible_user_vars: extraVars,
	disable_public_repos: flag,
	extra_repos: paths,
	reenable_public_repos: flag,
	remove_extra_repos: flag,
	extra_debs: packages,
	extra_rpms: packages,
	http_proxy: proxy,
	https_proxy: proxy,
	no_proxy: text,
	kubernetes_semver: text,
	kubernetes_series: matching(/^v?\d+\.\d+$/, "a series such as v1.34", "refused"),
	kubernetes_deb_version: packageVersion,
	kubernetes_rpm_version: packageVersion,
	kubernetes_container_registry: repository(isRegistry, "refused"),
	kubernetes_deb_repo: debRepository,
	kubernetes_deb_gpg_key: address(OF_KEY, "refused"),
	kubernetes_rpm_repo: address(ofRepository("/etc/yum.repos.d"), "refused"),
	kubernetes_rpm_gpg_key: keys,
	kubernetes_enable_kubelet: flag,
	containerd_version: matching(/^\w[\w.+~-]*$/, "a version", "refused"),
	pause_image: matching(isImage, "an image reference", "refused"),
	pip_conf_file: path("nothing"),
	containerd_additional_settings: settings,
	containerd_config_file: path("nothing"),
	load_additional_components: flag,
	additional_url_images: flag,
	additional_url_images_list: archives,
	additional_registry_images: flag,
	additional_registry_images_list: images,
	additional_executables: flag,
	additional_executables_list: programs,
	additional_executables_destination_path: destination,
	KUBERNETES_VERSION: text,
	KUBELET_VERSION: text,
	KUBECTL_VERSION: text,
	CNI: cni,
	CNI_VERSION: tag("refused"),
	CCM_REGISTRY: repository(isRepository, "nothing"),
	CCM_VERSION: tag("refused"),
	AUTOSCALER_REGISTRY: repository(isRepository, "itself"),
	AUTOSCALER_VERSION: tag("refused"),
	METRICS_SERVER_VERSION: tag("itself"),
	PREPULL: flag,
	// containerd asks it, which knows of no files.
	PREPULL_MIRROR: address("these are the secret registry", "nothing", /^https?:\/\/\S+$/),
} as const;

export type VariableName = keyof typeof VARIABLES;
export type Values = { readonly [Name in VariableName]?: z.output<(typeof VARIABLES)[Name]> | undefined };

export const VARIABLE_NAMES = Object.keys(VARIABLES);

export function isVariable(name: string): name is VariableName {
	return Object.hasOwn(VARIABLES, name);
}

/** All values at once; zod names each variable that is wrong. */
export const variablesSchema = z.object(VARIABLES).partial();
