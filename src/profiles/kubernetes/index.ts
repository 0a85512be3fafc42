/** The profile `kubernetes`: a node image's variables, versions, images and disk. */
import { NodebuildError } from "../../errors.ts";
import { nearest } from "../../nodefile/suggest.ts";
import type { Profile, ProfileInput, ProfileResult } from "../types.ts";
import { additionalOf, choiceOf, cniOf, componentsOf, labelsOf, releaseOf, versionsOf } from "./derive.ts";
import { readExtraVars } from "./extra-vars.ts";
import { requireRepository } from "./repositories.ts";
import { CONTROL_PLANE_IMAGES, imagesOf, ROLE, ROLES, type Role } from "./roles.ts";
import { tomlFault } from "./toml.ts";
import { unusual } from "./unusual.ts";
import { readValues } from "./values.ts";
import { type Values, VARIABLE_NAMES } from "./variables.ts";

export const kubernetes: Profile = {
	variables: VARIABLE_NAMES,
	// The host's own proxy may not be reachable under that name from the machine.
	notFromEnvironment: ["http_proxy", "https_proxy", "no_proxy"],
	resolve,
};

/** @throws NodebuildError NODEFILE_INVALID for the role, USAGE for values that are wrong or do not go together. */
function resolve({ settings, given, environment, declared }: ProfileInput): ProfileResult {
	const role = roleOf(settings);
	const { values, warnings } = readValues(given, environment);
	const release = releaseOf(values);
	const components = componentsOf(values, release);
	const versions = versionsOf(values, components);
	requireRepository(values, release, versions, declared);
	const cni = cniOf(values, release);
	const additional = additionalOf(values);
	const images = role === undefined || values.PREPULL === false ? [] : imagesOf(role, choiceOf(values, release, cni));
	return {
		buildArgs: {
			...textsOf(values),
			...versions,
			KUBELET_VERSION: components.kubelet.version,
			KUBECTL_VERSION: components.kubectl.version,
			CNI: cni?.plugin ?? "none",
			CNI_VERSION: cni?.version ?? "",
			prepull: String(values.PREPULL !== false),
			prepull_images: images.join(" "),
			prepull_without: role === "worker" ? CONTROL_PLANE_IMAGES.join(" ") : "",
			prepull_archives: additional.urls.join(" "),
			executables: additional.executables.join(" "),
			reenable_public_repos: String(values.reenable_public_repos !== false),
			...lastRolesOf(values),
		},
		roles: { args: ROLE_ARGS, ...readExtraVars(values.ansible_user_vars ?? "") },
		files: [
			{ arg: "extra_repos_content", variable: "extra_repos", paths: values.extra_repos ?? [] },
			{ arg: "pip_conf_content", variable: "pip_conf_file", paths: pathsOf(values.pip_conf_file) },
			{
				arg: "containerd_config_content",
				variable: "containerd_config_file",
				paths: pathsOf(values.containerd_config_file),
				fault: tomlFault,
			},
		],
		...(role === undefined ? {} : { diskSize: ROLE[role].diskSize }),
		labels: role === undefined ? {} : labelsOf(role, components, values.PREPULL === false ? undefined : cni),
		warnings: [...warnings, ...unusual(values, components, role)],
	};
}

function roleOf(settings: ProfileInput["settings"]): Role | undefined {
	const unknown = Object.keys(settings).find((name) => name !== "role");
	const text = settings.role;
	const role = ROLES.find((one) => one === text);
	if (unknown === undefined && (text === undefined || role !== undefined)) return role;
	const similar = text === undefined ? undefined : nearest(text, ROLES);
	throw new NodebuildError({
		code: "NODEFILE_INVALID",
		message:
			unknown === undefined
				? `expected the role to be ${ROLES.join(", ")}, got "${text}"`
				: `expected the profile kubernetes to be given a role, got "${unknown}"`,
		hint:
			similar === undefined ? "for example: # nodebuild=profile=kubernetes;role=worker" : `did you mean ${similar}?`,
	});
}

/** Variables that name Ansible roles; the Nodefiles have an ARG for each where its roles are to be run. */
const ROLE_ARGS = [
	"firstboot_custom_roles_pre",
	"firstboot_custom_roles_post",
	"node_custom_roles_pre",
	"node_custom_roles_post",
];

/** custom_role_names is the older name of node_custom_roles_post; roles of both are run, each once. */
function lastRolesOf({ custom_role_names: older, node_custom_roles_post: post }: Values) {
	if (older === undefined && post === undefined) return {};
	const names = [older, post].flatMap((list) => (list ?? "").split(" "));
	return { node_custom_roles_post: [...new Set(names)].filter((name) => name !== "").join(" ") };
}

/** Values as an ARG takes them: true and false, lists with blanks. */
function textsOf(values: Values): Readonly<Record<string, string>> {
	return Object.fromEntries(
		Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? value.join(" ") : String(value)]),
	);
}

const pathsOf = (path: string | undefined): readonly string[] => (path === undefined || path === "" ? [] : [path]);
