/** Packer's templates in values, and files that name repositories of one series. */
import { describe, expect, test } from "vitest";
import { NodebuildError } from "../../../src/errors.ts";
import { findProfile, type ProfileResult } from "../../../src/profiles/index.ts";

type Values = Readonly<Record<string, unknown>>;

const profile = await findProfile("kubernetes");

function resolve(
	file: Values,
	more: { readonly args?: Values; readonly environment?: Readonly<Record<string, string>> } = {},
): ProfileResult {
	const of = (values: Values, from: string) => Object.entries(values).map(([name, value]) => ({ name, value, from }));
	const given = [...of(file, "the file a.json"), ...of(more.args ?? {}, "--build-arg")];
	const { environment } = more;
	return profile.resolve({ settings: {}, given, declared: [], ...(environment === undefined ? {} : { environment }) });
}

function refusal(file: Values): string {
	try {
		resolve(file);
	} catch (error) {
		if (error instanceof NodebuildError) return [error.message, ...error.details].join("\n");
		throw error;
	}
	throw new Error("expected a refusal");
}

describe("a template", () => {
	test("is filled in from the build's environment", () => {
		const environment = { NO_PROXY: "localhost,10.0.0.0/8", PACKAGE: "nfs-utils" };
		const file = { no_proxy: "{{env `NO_PROXY`}}", extra_debs: 'vim {{ env "LOST" }}', extra_rpms: "{{user `mine`}}" };
		expect(resolve({ ...file, mine: "{{env `PACKAGE`}}" }, { environment }).buildArgs).toMatchObject({
			no_proxy: "localhost,10.0.0.0/8",
			extra_debs: "vim",
			extra_rpms: "nfs-utils",
		});
		expect(resolve(file).buildArgs).toMatchObject({ no_proxy: "" });
	});

	test.each([
		["{{- user `x` -}}", "one"],
		["{{- user `x` }}", "one"],
		["{{user `x` -}}", "one"],
		["two {{- user `x` -}} three", "twoonethree"],
		["two {{- user `x` }} three", "twoone three"],
		['{{user "x"}}', "one"],
	])("%s is %s", (extra_debs, expected) => {
		expect(resolve({ extra_debs, x: "one" }).buildArgs.extra_debs).toBe(expected);
	});

	test("of another kind is refused, but for Ansible", () => {
		const wrong = { no_proxy: "a,{{isotime}}", extra_debs: "{{if user `x`}}a{{end}}", pause_image: "{{" };
		const message = refusal(wrong);
		expect(message).toContain("no_proxy (the file a.json): expected a value, or a template that has nothing but");
		expect(message).toContain('got "{{isotime}}"');
		expect(message).toMatch(/extra_debs .*\n.*pause_image .*got "\{\{"/);
		expect(resolve({ ansible_user_vars: "a={{ b }}", mine: "{{isotime}}" }).roles?.vars).toBe('{"a":"{{ b }}"}');
	});
});

describe("a version that is given over a file with upstream's addresses of another series", () => {
	const of = (series: string) => ({
		kubernetes_deb_repo: `deb https://pkgs.k8s.io/core:/stable:/${series}/deb/ /`,
		kubernetes_deb_gpg_key: `https://pkgs.k8s.io/core:/stable:/${series}/deb/Release.key`,
		kubernetes_rpm_repo: `https://pkgs.k8s.io/core:/stable:/${series}/rpm/`,
		kubernetes_rpm_gpg_key: `"https://pkgs.k8s.io/core:/stable:/${series}/rpm/repodata/repomd.xml.key"`,
	});
	const args = { KUBERNETES_VERSION: "1.34.2" };

	test("takes their place", () => {
		expect(resolve({ kubernetes_semver: "v1.32.1", ...of("v1.32") }, { args }).buildArgs).toMatchObject({
			kubernetes_deb_repo: "https://pkgs.k8s.io/core:/stable:/v1.34/deb/",
			kubernetes_deb_gpg_key: "https://pkgs.k8s.io/core:/stable:/v1.34/deb/Release.key",
			kubernetes_rpm_repo: "https://pkgs.k8s.io/core:/stable:/v1.34/rpm/",
			kubernetes_rpm_gpg_key: "https://pkgs.k8s.io/core:/stable:/v1.34/rpm/repodata/repomd.xml.key",
		});
	});

	test("leaves one's own, and refuses those that come with it or after it", () => {
		const own = { kubernetes_deb_repo: "https://a.org/v1.32/deb/", kubernetes_deb_gpg_key: "https://a.org/v1.32/key" };
		expect(resolve(own, { args }).buildArgs).toMatchObject(own);
		expect(refusal({ ...args, ...of("v1.32") })).toMatch(/kubernetes_deb_repo to be of the series v1\.34/);
		expect(() => resolve(args, { args: of("v1.32") })).toThrow(/kubernetes_deb_repo to be of the series v1\.34/);
	});
});
