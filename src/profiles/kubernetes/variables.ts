/**
 * The variables of a Kubernetes image, as kubernetes-sigs/image-builder (images/capi) names and means them, and a few of
 * our own. Values come as text from the command line and the environment, and as anything from JSON files.
 */
import { z } from "zod";
import { isImage } from "./image-name.ts";
import { bytesOf, plainToml, tomlFault } from "./toml.ts";
import { CNI_PLUGINS } from "./versions.ts";

/** Real files say "\"nfs-utils net-tools\"" and mean the words inside. */
function unquote(text: string): string {
	const inner = /^\s*(["'])(.*)\1\s*$/s.exec(text)?.[2];
	return inner ?? text;
}

/** For messages; what JSON has may be long. */
function shown(value: unknown): string {
	const json = JSON.stringify(value) ?? String(value);
	return json.length > 80 ? `${json.slice(0, 80)}...` : json;
}

const insteadOf = (expected: string) => ({
	error: ({ input }: { readonly input?: unknown }) => `expected ${expected}, got ${shown(input)}`,
});

const text = z
	.union([z.string(), z.number(), z.boolean(), z.null()], insteadOf("a text"))
	.transform((value) => (value === null ? "" : unquote(String(value)).trim()));

const flag = z
	.union([z.boolean(), z.string(), z.number(), z.null()], insteadOf("true or false"))
	.transform((value, context) => {
		const word = unquote(String(value ?? ""))
			.trim()
			.toLowerCase();
		if (["true", "yes", "on", "1"].includes(word)) return true;
		if (["false", "no", "off", "0", "", "none", "null"].includes(word)) return false;
		context.addIssue({ code: "custom", message: `expected true or false, got ${shown(value)}` });
		return z.NEVER;
	});

const nullableText = text.transform((value) => (/^(null|none)$/i.test(value) ? "" : value));

/** Messages end in logs. */
const withoutLogin = (text: string): string => text.replace(/:\/\/[^\s/?#]*@/g, "://...@");
const hasLogin = (text: string): boolean => withoutLogin(text) !== text;

type Test = RegExp | ((text: string) => boolean);
const passes = (test: Test, text: string): boolean => (typeof test === "function" ? test(text) : test.test(text));

function eachOf(separator: RegExp | string, test: Test, expected: string) {
	return text.transform((value, context) => {
		const items = value
			.split(separator)
			.map((item) => item.trim())
			.filter((item) => item !== "");
		for (const item of items)
			if (!passes(test, item))
				context.addIssue({ code: "custom", message: `expected ${expected}, got "${withoutLogin(item)}"` });
		return items;
	});
}

function matching(test: Test, expected: string) {
	return nullableText.refine((value) => value === "" || passes(test, value), { error: `expected ${expected}` });
}

const roles = eachOf(/\s+/, /^(\/\S*|\w[\w.-]*)$/, "names or absolute paths of Ansible roles").transform((list) =>
	list.join(" "),
);
/** Quotes around all of it are dropped, those around a value are not. */
const anyVars = z.union(
	[z.record(z.string(), z.unknown()), z.string(), z.null()],
	insteadOf("a text or an object of variables"),
);
const extraVars = anyVars.transform((value) => {
	if (typeof value === "object") return value === null ? "" : JSON.stringify(value);
	const [, quote = "", inner] = /^\s*(["'])(.*)\1\s*$/s.exec(value) ?? [];
	return (inner === undefined || inner.includes(quote) ? value : inner).trim();
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
const ADDRESS = /^https?:\/\/(?![^/?#]*@)\S+$/;
const withoutPassword = "http:// or https:// addresses without user and password (these are the secret download)";
const archives = eachOf(",", ADDRESS, withoutPassword).transform((list) => list.join(","));
/** With a file's name before any query. */
const programs = eachOf(
	",",
	/^https?:\/\/(?![^/?#]*@)[^\s/?#]+\/(?:[^\s?#]*\/)?[\w+~][\w.+~-]*(?:[?#]\S*)?$/,
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
const images = eachOf(",", isImage, "image references such as registry.example.org/app:1.2").transform((list) =>
	list.join(","),
);
const repository = matching(
	/^[a-z0-9]+(?:[.-][a-z0-9]+)*(?::\d+)?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/,
	"a repository such as registry.example.org/app, without a tag",
);
const proxy = matching(/^(https?|socks5h?):\/\/\S+$/, "an address such as http://proxy.example.org:3128");
/** A password in an address would be in the image's record, in the log, and in arguments. @param instead where it may be */
const loginFault = (value: string, instead: string): string | undefined =>
	hasLogin(value)
		? `expected an address without user and password (${instead}), got "${withoutLogin(value)}"`
		: undefined;

const address = (instead: string) =>
	matching(/^(https?:\/\/|file:\/)\S+$/, "an http:// or https:// address").superRefine((value, context) => {
		const message = loginFault(value, instead);
		if (message !== undefined) context.addIssue({ code: "custom", message });
	});
const ofRepository = (file: string): string =>
	`name a repository that asks for them with extra_repos, and write them to ${file} with a role of firstboot_custom_roles_pre`;
const OF_KEY = "a public key has to be there without them, or in what a role of firstboot_custom_roles_pre writes";

/** As image-builder's files of all years have it: an address, or an address, a suite and components, after "deb" or not. */
const debRepository = nullableText.transform((value, context) => {
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
		message: login ?? `expected an address, or an address, a suite and components, without options, got "${value}"`,
	});
	return z.NEVER;
});
/** Several, for each generation of keys. */
const keys = eachOf(
	/[\s,]+/,
	/^(https?:\/\/(?![^/?#]*@)|file:\/)\S+$/,
	`http:// or https:// addresses without user and password (${OF_KEY})`,
).transform((list) => list.join(" "));
const path = matching(/^\/\S*$/, "an absolute path");
/** Lines of base64 are joined; the TOML is written anew, as the script in the machine can read it. */
const settings = nullableText.transform((value, context) => {
	const joined = value.replace(/\s+/g, "");
	const bytes = bytesOf(joined);
	const fault = bytes === undefined ? undefined : tomlFault(bytes);
	if (bytes !== undefined && fault === undefined) return Buffer.from(plainToml(bytes)).toString("base64");
	const message =
		bytes === undefined
			? `expected base64 of TOML, got no base64: ${shown(value)}`
			: `expected TOML in base64: ${fault}`;
	context.addIssue({ code: "custom", message });
	return z.NEVER;
});
const tag = matching(/^[\w][\w.-]*$/, "a version");

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
	kubernetes_series: matching(/^v?\d+\.\d+$/, "a series such as v1.34"),
	kubernetes_deb_version: text,
	kubernetes_rpm_version: text,
	kubernetes_container_registry: repository,
	kubernetes_deb_repo: debRepository,
	kubernetes_deb_gpg_key: address(OF_KEY),
	kubernetes_rpm_repo: address(ofRepository("/etc/yum.repos.d")),
	kubernetes_rpm_gpg_key: keys,
	kubernetes_enable_kubelet: flag,
	containerd_version: tag,
	pause_image: matching(isImage, "an image reference"),
	pip_conf_file: path,
	containerd_additional_settings: settings,
	containerd_config_file: path,
	load_additional_components: flag,
	additional_url_images: flag,
	additional_url_images_list: archives,
	additional_registry_images: flag,
	additional_registry_images_list: images,
	additional_executables: flag,
	additional_executables_list: programs,
	additional_executables_destination_path: path,
	KUBERNETES_VERSION: text,
	KUBELET_VERSION: text,
	KUBECTL_VERSION: text,
	CNI: nullableText.transform((value) => value.toLowerCase() || "cilium").pipe(z.enum(CNI_PLUGINS)),
	CNI_VERSION: tag,
	CCM_REGISTRY: repository,
	CCM_VERSION: tag,
	AUTOSCALER_REGISTRY: repository,
	AUTOSCALER_VERSION: tag,
	METRICS_SERVER_VERSION: tag,
	PREPULL: flag,
	PREPULL_MIRROR: address("these are the secret registry"),
} as const;

export type VariableName = keyof typeof VARIABLES;
export type Values = { readonly [Name in VariableName]?: z.output<(typeof VARIABLES)[Name]> | undefined };

export const VARIABLE_NAMES = Object.keys(VARIABLES);

export function isVariable(name: string): name is VariableName {
	return Object.hasOwn(VARIABLES, name);
}

/** All values at once; zod names each variable that is wrong. */
export const variablesSchema = z.object(VARIABLES).partial();
