/** Names of variables that are nearly ours. */
import { expect, test } from "vitest";
import { findProfile } from "../../../src/profiles/index.ts";

const profile = await findProfile("kubernetes");

function warnings(name: string, from = "the file vars.json"): readonly string[] {
	return profile.resolve({ settings: {}, given: [{ name, value: "", from }], declared: [] }).warnings;
}

test.each([
	["kubernetes_version", "KUBERNETES_VERSION"],
	["cni", "CNI"],
	["ccm_registry", "CCM_REGISTRY"],
	["prepull_mirror", "PREPULL_MIRROR"],
	["Extra_Debs", "extra_debs"],
	["kubernetes_verson", "KUBERNETES_VERSION"],
	["EXTRA_DEBZ", "extra_debs"],
])("%s of a file is said to be %s in other letters", (name, meant) => {
	expect(warnings(name)).toEqual([`the file vars.json has the unknown variable ${name} (did you mean ${meant}?)`]);
});

test("of build arguments only other letters are told, and capitals of proxies are what docker takes", () => {
	expect(warnings("Extra_Debs", "--build-arg")).toEqual([expect.stringContaining("did you mean extra_debs?")]);
	expect(warnings("extra_dbes", "--build-arg")).toEqual([]);
	for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"]) {
		expect(warnings(name, "--build-arg")).toEqual([]);
		expect(warnings(name)).toEqual([expect.stringContaining(`did you mean ${name.toLowerCase()}?`)]);
	}
});
