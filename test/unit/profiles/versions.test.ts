/** Versions of packages, and versions that nobody has given. */
import { describe, expect, test } from "vitest";
import { NodebuildError } from "../../../src/errors.ts";
import { findProfile } from "../../../src/profiles/index.ts";

type Values = Readonly<Record<string, string>>;

const profile = await findProfile("kubernetes");

function resolve(values: Values): Readonly<Record<string, string>> {
	const given = Object.entries(values).map(([name, value]) => ({ name, value, from: "--build-arg" }));
	return profile.resolve({ settings: {}, given, declared: [] }).buildArgs;
}

function refusal(values: Values) {
	try {
		resolve(values);
	} catch (error) {
		if (error instanceof NodebuildError) return { message: error.message, hint: error.hint };
		throw error;
	}
	throw new Error("expected a refusal");
}

const VERSION = { KUBERNETES_VERSION: "1.34.2" };

describe("a package's version", () => {
	test.each(["kubernetes_deb_version", "kubernetes_rpm_version"])("as %s", (name) => {
		const read = (value: string) => resolve({ ...VERSION, [name]: value })[name];
		expect(read("v1.34.2-1.1")).toBe("1.34.2-1.1");
		expect(read("1.34.2-1.?")).toBe("1.34.2-1.?");
		expect(read("1.34.2")).toBe("1.34.2");
		for (const wrong of ["1.34.2-1.1 foo; [x", "1.34.2-", "1.34.2-$(id)", "1.34.2-1/2"])
			expect(refusal({ ...VERSION, [name]: wrong }).message).toMatch(/expected a package's version such as .*, got "/);
	});

	test.each(["1.6.0-1", "1.7.27-1~debian.12~bookworm", "1.6.20~ds1-1+deb12u1", "1.6.33-3.1.el9", "2.2.0~rc.0-1"])(
		"of containerd, %s, has a revision that says nothing of a pre-release",
		(containerd_version) => {
			expect(resolve({ ...VERSION, containerd_version }).containerd_version).toBe(containerd_version);
		},
	);

	test.each(["1.6.0~rc.1-1", "1.6.0-rc.1", "3.0.0~beta.1", "1.5.9-1~debian.12~bookworm", "1.7-1"])(
		"of containerd, %s, is out of range",
		(containerd_version) => {
			expect(refusal({ ...VERSION, containerd_version }).message).toContain(
				`works with Kubernetes 1.34.2 (>=1.6.0 <3.0.0), got "${containerd_version}"`,
			);
		},
	);
});

describe("the default version is told as such", () => {
	const shown = /1\.33\.\d+ \(the default: no KUBERNETES_VERSION is given\)/;

	test.each([
		[{ kubernetes_series: "v1.34" }, "1.34.2"],
		[{ kubernetes_series: "v1.99" }, "v1.99"],
		[{ kubernetes_deb_version: "1.34.1-1.1" }, "1.34.1"],
		[{ kubernetes_rpm_version: "1.34.1" }, "1.34.1"],
		[{ KUBELET_VERSION: "1.35.0" }, "1.35.0"],
		[{ KUBELET_VERSION: "1.20.2" }, "1.20.2"],
		[{ KUBECTL_VERSION: "1.20.2" }, "1.20.2"],
		[{ kubernetes_deb_repo: "https://pkgs.k8s.io/core:/stable:/v1.32/deb/" }, "1.32.10"],
	] as const)("where %j is given alone", (values, meant) => {
		const { message, hint } = refusal(values);
		expect(message).toMatch(shown);
		expect(hint).toBe(`give KUBERNETES_VERSION too, such as ${meant}`);
	});

	test("also where containerd does not go with it", () => {
		expect(refusal({ containerd_version: "1.5.9" }).message).toMatch(shown);
	});
});
