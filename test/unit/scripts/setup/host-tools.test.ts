import { describe, expect, it } from "vitest";
import {
	describeTools,
	familyOf,
	missingTools,
	packagesOf,
	parseOsRelease,
	TOOLS,
} from "../../../../scripts/setup/host-tools.mjs";

const RELEASES = {
	debian: 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n',
	ubuntu: 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n',
	mint: 'ID=linuxmint\nID_LIKE="ubuntu debian"\n',
	fedora: "NAME='Fedora Linux'\nID=fedora\nVERSION_ID=42\n",
	rocky: 'ID="rocky"\nID_LIKE="rhel centos fedora"\n',
	rhel: 'ID="rhel"\nID_LIKE="fedora"\n',
	nobara: 'ID=nobara\nID_LIKE="fedora"\n',
	amazon: 'ID="amzn"\nID_LIKE="fedora"\n',
	alpine: "ID=alpine\n",
};

const nothing = () => false;

describe("parseOsRelease", () => {
	it("takes quotes and escapes off, and leaves comments and other lines out", () => {
		expect(parseOsRelease('# a comment\nA="b \\"c\\""\nB=\'d\'\nC=e\n\nnot a setting\n')).toEqual({
			A: 'b "c"',
			B: "d",
			C: "e",
		});
	});
});

describe("familyOf", () => {
	it.each([
		["debian", "debian"],
		["ubuntu", "debian"],
		["mint", "debian"],
		["fedora", "fedora"],
		["nobara", "fedora"],
		["rocky", "rhel"],
		["rhel", "rhel"],
		["amazon", undefined],
		["alpine", undefined],
	] as const)("%s is %s", (name, family) => {
		expect(familyOf(parseOsRelease(RELEASES[name]))).toBe(family);
	});

	it("of a system without os-release is unknown", () => {
		expect(familyOf({})).toBeUndefined();
	});
});

describe("missingTools", () => {
	it("asks for what every use needs, and for the firmware only when tests run", () => {
		const start = missingTools({ has: nothing, forTests: false, family: "debian" });
		const tests = missingTools({ has: nothing, forTests: true, family: "debian" });
		expect(packagesOf(start.needed, "debian")).toContain("qemu-system-x86");
		expect(packagesOf(start.needed, "debian")).not.toContain("ovmf");
		expect(packagesOf(tests.needed, "debian")).toContain("ovmf");
		for (const name of ["ssh", "ansible-playbook"]) {
			expect(start.optional.map((tool) => tool.probe)).toContain(name);
			expect(tests.needed.map((tool) => tool.probe)).toContain(name);
		}
	});

	it("has nothing to ask for on a machine that has everything", () => {
		expect(missingTools({ has: () => true, forTests: true, family: "fedora" })).toEqual({ needed: [], optional: [] });
	});

	it("does not insist on what a family does not package", () => {
		const { needed, optional } = missingTools({ has: nothing, forTests: false, family: "rhel" });
		expect(needed.map((tool) => tool.probe)).not.toContain("mmdebstrap");
		expect(optional.map((tool) => tool.probe)).toContain("mmdebstrap");
		expect(packagesOf(optional, "rhel")).not.toContain("mmdebstrap");
	});

	it("lists everything on a system it does not know", () => {
		const { needed } = missingTools({ has: nothing, forTests: false, family: undefined });
		expect(needed.map((tool) => tool.probe)).toEqual(
			TOOLS.filter((tool) => tool.need === "start").map((tool) => tool.probe),
		);
	});
});

describe("packagesOf", () => {
	it("names a package once, however many of its programs are missing", () => {
		const both = TOOLS.filter((tool) => tool.probe === "sfdisk" || tool.probe === "setpriv");
		expect(packagesOf(both, "fedora")).toEqual(["util-linux"]);
	});
});

describe("describeTools", () => {
	it("says what a tool is for and where it comes from", () => {
		const tool = TOOLS.filter(({ probe }) => probe === "qemu-img" || probe === "mmdebstrap");
		expect(describeTools(tool, "debian")[0]).toBe("  qemu-img: writes disks and layers (package qemu-utils)");
		expect(describeTools(tool, undefined)[0]).toContain("package qemu-utils on Debian");
		expect(describeTools(tool, "rhel")[1]).toContain("not packaged here");
	});
});
