/** Passwords are in no message, and in no argument. */
import { describe, expect, test } from "vitest";
import { NodebuildError } from "../../../src/errors.ts";
import { findProfile } from "../../../src/profiles/index.ts";
import { withoutLogin } from "../../../src/profiles/kubernetes/fields.ts";

const profile = await findProfile("kubernetes");

function resolve(name: string, value: unknown) {
	return profile.resolve({ settings: {}, given: [{ name, value, from: "--build-arg" }], declared: [] });
}

function refusal(name: string, value: unknown): string {
	try {
		resolve(name, value);
	} catch (error) {
		if (error instanceof NodebuildError) return [error.message, error.hint, ...error.details].join("\n");
		throw error;
	}
	throw new Error("expected a refusal");
}

describe("a password", () => {
	test.each([
		["PREPULL_MIRROR", "user:hunter2@reg.example.org:5000"],
		["PREPULL_MIRROR", "http://user:hun/ter2@reg.example.org:5000"],
		["PREPULL_MIRROR", "http://user:hunter2/x@reg.example.org"],
		["PREPULL_MIRROR", ["http://user:hunter2@reg.example.org"]],
		["https_proxy", "user:hunter2@proxy:3128"],
		["kubernetes_deb_repo", "user:hunter2@a.org/deb/"],
		["kubernetes_deb_repo", "https://user:p/hunter2@a.org/deb/"],
		["kubernetes_deb_repo", "deb [a=b] user:hunter2@a.org"],
		["kubernetes_deb_repo", "https://user:hun@hunter2/hunter2@a.org/deb/"],
		["kubernetes_rpm_repo", "https://user:p/hunter2@a.org/rpm/"],
		["kubernetes_rpm_gpg_key", "https://a.org/key,https://user:p/hunter2@a.org/key"],
		["additional_url_images_list", "https://user:p/hunter2@a.org/x.tar"],
		["additional_executables_list", "https://user:p/hunter2@a.org/x"],
		["pause_image", "user:hunter2@a.org/pause:3.9"],
		["disable_public_repos", "user:hunter2@a.org"],
		["ansible_user_vars", ["password=hunter2"]],
		["ansible_user_vars", 2],
		["containerd_additional_settings", 'password = "hunter2"'],
	])("is not shown where %s=%s is refused", (name, value) => {
		expect(refusal(name, value)).not.toContain("hunter2");
		expect(refusal(name, value)).toContain(name);
	});

	test.each([
		["kubernetes_deb_repo", "https://a.org:8080/x@y/deb/"],
		["kubernetes_deb_repo", "https://[::1]:8080/x@y/deb/"],
		["kubernetes_rpm_repo", "https://a.org/a:b@c/"],
		["kubernetes_rpm_repo", "file:/srv/x@y/"],
		["additional_url_images_list", "https://a.org/x@1.2.tar"],
		["pause_image", `a.org/pause:3.10@sha256:${"0".repeat(64)}`],
	])("is not what an @ in %s=%s is after", (name, value) => {
		expect(resolve(name, value).buildArgs[name]).toBe(value);
	});

	test("is not what a digest comes after", () => {
		const text = `"a.org/b:1@sha256:${"0".repeat(64)}"`;
		expect(withoutLogin(text)).toBe(text);
	});
});
