/** What was given for the variables, by precedence and type, with names that nobody knows told apart. */
import { NodebuildError } from "../../errors.ts";
import { nearest } from "../../nodefile/suggest.ts";
import type { GivenVariable } from "../types.ts";
import { withoutLogin } from "./fields.ts";
import { lastOf } from "./precedence.ts";
import { type Environment, expand, templateFault } from "./templates.ts";
import { isVariable, type Values, VARIABLE_NAMES, variablesSchema } from "./variables.ts";

export interface Read {
	readonly values: Values;
	readonly warnings: readonly string[];
}

/**
 * Later ones win. @param environment the build's, which templates may ask
 * @throws NodebuildError USAGE with every value that is of another type than it has to be.
 */
export function readValues(given: readonly GivenVariable[], environment: Environment = {}): Read {
	const last = lastOf(given, (value, all) => expand(value, { all, environment }));
	const known = [...last.values()].filter(({ name }) => isVariable(name));
	const lost = new Set<string>();
	const raw = Object.fromEntries(
		known.map((variable) => [
			variable.name,
			expand(variable.value, { all: last, environment, lost, within: variable }),
		]),
	);
	const place = (name: string): string => `${name} (${last.get(name)?.from})`;
	const open = Object.entries(raw).flatMap(([name, value]) => {
		const fault = templateFault(name, value);
		return fault === undefined ? [] : [`${place(name)}: ${fault}`];
	});
	if (open.length > 0) throw refusal(open);
	const result = variablesSchema.safeParse(raw);
	if (!result.success)
		throw refusal(result.error.issues.map(({ path, message }) => `${place(String(path[0]))}: ${message}`));
	return {
		values: result.data,
		warnings: [...lost, ...misspelt([...last.values()]), ...withoutEffect(last, environment)],
	};
}

function refusal(details: readonly string[]): NodebuildError {
	return new NodebuildError({
		code: "USAGE",
		message:
			details.length === 1
				? `a variable has a value that it cannot have: ${details[0]}`
				: "variables have values that they cannot have",
		...(details.length === 1 ? {} : { details }),
		hint: "docs/kubernetes.md lists the variables with their types",
	});
}

/** Names of one of ours in other letters, which is then spelt as it is. */
function otherwiseSpelt(name: string): string | undefined {
	return VARIABLE_NAMES.find((known) => known.toLowerCase() === name.toLowerCase());
}

/** A proxy is one in capitals as well, as docker has it. */
const isProxy = (name: string, from: string): boolean => from === "--build-arg" && /^(https?|no)_proxy$/i.test(name);

/**
 * A file has many variables that are not for us; one that is nearly ours is probably meant to be. An ARG of the Nodefile
 * may have any name, but hardly one of ours in other letters.
 */
function misspelt(given: readonly GivenVariable[]): readonly string[] {
	return given.flatMap(({ name, from }) => {
		if (isVariable(name) || isProxy(name, from)) return [];
		const near = from.startsWith("the file") ? nearest(name, VARIABLE_NAMES) : undefined;
		const similar = otherwiseSpelt(near ?? name);
		return similar === undefined ? [] : [`${from} has the unknown variable ${name} (did you mean ${similar}?)`];
	});
}

interface Effectless {
	/** Values that most files have, or that mean what is done anyway. */
	readonly usual: RegExp;
	/** Variables that image-builder's own file has beside it: what it says there is nobody's wish. */
	readonly beside?: readonly string[];
	readonly why: string;
}

const OFF = /^(false|no|off|0|null|none)?$/i;
const CNI_PACKAGE = "the newest package kubernetes-cni that goes with the others is taken";
const CRI_TOOLS = "crictl comes from the package cri-tools";

/** image-builder's, whose other value means another way of building; what is done instead. */
const WITHOUT_EFFECT: Readonly<Record<string, Effectless>> = {
	kubernetes_source_type: { usual: /^(pkg)?$/, why: "Kubernetes comes from packages" },
	kubernetes_cni_source_type: { usual: /^(pkg)?$/, why: "the CNI plugins come from the package kubernetes-cni" },
	kubernetes_cni_deb_version: { usual: OFF, beside: ["kubernetes_cni_http_source"], why: CNI_PACKAGE },
	kubernetes_cni_rpm_version: { usual: OFF, beside: ["kubernetes_cni_http_source"], why: CNI_PACKAGE },
	kubernetes_rpm_gpg_check: { usual: /^(true)?$/i, why: "packages' signatures are always checked" },
	containerd_url: {
		usual: /^(null|https:\/\/github\.com\/containerd\/containerd\/releases\/\S*)?$/,
		why: "containerd comes from packages (containerd_version, extra_repos)",
	},
	crictl_version: { usual: OFF, beside: ["crictl_source_type", "crictl_sha256"], why: CRI_TOOLS },
	crictl_source_type: { usual: /^(pkg)?$/, beside: ["crictl_sha256"], why: CRI_TOOLS },
	crictl_url: {
		usual: /^(null|https:\/\/github\.com\/kubernetes-sigs\/cri-tools\/releases\/\S*)?$/,
		why: CRI_TOOLS,
	},
	enable_containerd_audit: { usual: OFF, why: "a role of node_custom_roles_post may write rules for auditd" },
	additional_s3: { usual: OFF, why: "additional_url_images_list fetches archives by their addresses" },
	node_custom_roles_post_sysprep: {
		usual: OFF,
		why: "roles are run before the image is sealed (node_custom_roles_post)",
	},
};

function withoutEffect(given: ReadonlyMap<string, GivenVariable>, environment: Environment): readonly string[] {
	return Object.entries(WITHOUT_EFFECT).flatMap(([name, { usual, beside = [], why }]) => {
		const variable = given.get(name);
		if (variable === undefined || beside.some((other) => given.get(other)?.from === variable.from)) return [];
		const value = String(expand(variable.value, { all: given, environment }) ?? "").replace(/^[\s"']+|[\s"']+$/g, "");
		return usual.test(value) ? [] : [`${name}=${withoutLogin(value)} of ${variable.from} has no effect: ${why}`];
	});
}
