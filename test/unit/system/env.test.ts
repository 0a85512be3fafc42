import { expect, test } from "vitest";
import { readEnvironment } from "../../../src/system/env.ts";

test("the store lies in NODEBUILD_HOME, else under XDG_DATA_HOME, else in the user's home", () => {
	const home = (variables: Record<string, string>): string => readEnvironment({ HOME: "/home/u", ...variables }).home;
	expect(home({})).toBe("/home/u/.local/share/nodebuild");
	expect(home({ XDG_DATA_HOME: "/data" })).toBe("/data/nodebuild");
	expect(home({ XDG_DATA_HOME: "/data", NODEBUILD_HOME: "/store" })).toBe("/store");
	expect(home({ NODEBUILD_HOME: "" })).toBe("/home/u/.local/share/nodebuild");
	// The XDG specification has relative paths ignored.
	expect(home({ XDG_DATA_HOME: "data" })).toBe("/home/u/.local/share/nodebuild");
	expect(home({ NODEBUILD_HOME: "store" })).toBe(`${process.cwd()}/store`);
});

test("defaults", () => {
	expect(readEnvironment({ HOME: "/home/u" })).toMatchObject({
		baseSource: "auto",
		accelerator: "auto",
		noColor: false,
		ci: false,
		proxy: {},
	});
	expect(readEnvironment({ HOME: "/home/u" })).not.toHaveProperty("qemu");
});

test("what is set is read", () => {
	const environment = readEnvironment({
		NODEBUILD_BASE_SOURCE: "bootstrap",
		NODEBUILD_ACCEL: "TCG",
		NODEBUILD_QEMU: "/opt/qemu/bin/qemu-system-x86_64",
		https_proxy: "http://lower:1",
		HTTPS_PROXY: "http://upper:1",
		NO_PROXY: "localhost",
		NO_COLOR: "1",
		CI: "true",
		XDG_RUNTIME_DIR: "/run/user/7",
	});
	expect(environment).toMatchObject({
		baseSource: "bootstrap",
		accelerator: "tcg",
		qemu: "/opt/qemu/bin/qemu-system-x86_64",
		proxy: { https: "http://lower:1", no: "localhost" },
		noColor: true,
		ci: true,
		runtimeDir: "/run/user/7",
	});
	expect(readEnvironment({ CI: "false" }).ci).toBe(false);
});

test("a value that cannot be is refused with what could be", () => {
	expect(() => readEnvironment({ NODEBUILD_ACCEL: "hvf" })).toThrowError(
		'expected NODEBUILD_ACCEL to be one of auto, kvm, tcg, got "hvf"',
	);
});

test("of Ansible's variables, those count that say where something is", () => {
	const { ansible } = readEnvironment({
		PATH: "/bin",
		HOME: "/home/u",
		ANSIBLE_ROLES_PATH: "/roles:relative:/more",
		ANSIBLE_COLLECTIONS_PATH: "/collections",
		ANSIBLE_VAULT_PASSWORD_FILE: "/vault",
		ANSIBLE_STDOUT_CALLBACK: "yaml",
		SSH_AUTH_SOCK: "/agent",
	});
	expect(ansible).toEqual({
		rolesPath: ["/roles", "/more"],
		passed: {
			PATH: "/bin",
			HOME: "/home/u",
			ANSIBLE_COLLECTIONS_PATH: "/collections",
			ANSIBLE_VAULT_PASSWORD_FILE: "/vault",
		},
	});
});
