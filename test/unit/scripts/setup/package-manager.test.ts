import { describe, expect, it } from "vitest";
import {
	aptInstallCommands,
	aptUpdateCommand,
	commandForPeople,
	dnfInstallCommands,
	elevation,
	readAptPolicy,
} from "../../../../scripts/setup/package-manager.mjs";

const POLICY = `qemu-system-x86:
  Installed: (none)
  Candidate: 1:7.2+dfsg-7+deb12u18
  Version table:
     1:10.0.2+ds-2~bpo12+1 100
        100 http://mirror.example/debian bookworm-backports/main amd64 Packages
     1:7.2+dfsg-7+deb12u18 500
        500 http://mirror.example/debian bookworm/main amd64 Packages
zstd:
  Installed: (none)
  Candidate: 1.5.4
  Version table:
     1.5.4 500
        500 http://mirror.example/debian bookworm/main amd64 Packages
mmdebstrap:
  Installed: (none)
  Candidate: (none)
  Version table:
`;

describe("readAptPolicy", () => {
	it("tells which packages have a candidate", () => {
		expect([...readAptPolicy(POLICY, "bookworm").available]).toEqual(["qemu-system-x86", "zstd"]);
	});

	it("finds the backports that the host has configured, of its own release only", () => {
		expect(readAptPolicy(POLICY, "bookworm").backports).toBe("bookworm-backports");
		expect(readAptPolicy(POLICY, "trixie").backports).toBeUndefined();
		expect(readAptPolicy(POLICY.replace("bookworm-backports", "bookworm"), "bookworm").backports).toBeUndefined();
		expect(readAptPolicy(POLICY, undefined).backports).toBeUndefined();
	});

	it("does not take backports for a package that nobody needs newer", () => {
		const swapped = POLICY.replace("qemu-system-x86:", "zstd:").replace("zstd:\n  Installed", "other:\n  Installed");
		expect(readAptPolicy(swapped, "bookworm").backports).toBeUndefined();
	});

	it("of no output offers nothing", () => {
		expect(readAptPolicy("", "bookworm")).toEqual({ available: new Set(), backports: undefined });
	});
});

describe("aptInstallCommands", () => {
	it("asks nothing, adds nothing, and waits for another apt", () => {
		expect(aptInstallCommands(["zstd"], undefined)).toEqual([
			[
				"env",
				"DEBIAN_FRONTEND=noninteractive",
				"LC_ALL=C",
				"apt-get",
				"-q",
				"install",
				"--yes",
				"--no-install-recommends",
				"-o",
				"DPkg::Lock::Timeout=300",
				"zstd",
			],
		]);
	});

	it("takes QEMU, and nothing else, from backports", () => {
		const [qemu, others, ...rest] = aptInstallCommands(["qemu-utils", "zstd", "qemu-system-x86"], "bookworm-backports");
		expect(qemu?.slice(-4)).toEqual(["-t", "bookworm-backports", "qemu-utils", "qemu-system-x86"]);
		expect(others).not.toContain("-t");
		expect(others?.at(-1)).toBe("zstd");
		expect(rest).toEqual([]);
	});

	it("runs nothing for no packages", () => {
		expect(aptInstallCommands([], "bookworm-backports")).toEqual([]);
		expect(dnfInstallCommands([])).toEqual([]);
	});
});

describe("commands", () => {
	it("update apt's lists", () => {
		expect(aptUpdateCommand().slice(-2)).toEqual(["-q", "update"]);
	});

	it("install with dnf without weak dependencies", () => {
		expect(dnfInstallCommands(["mtools"])).toEqual([
			["dnf", "install", "-y", "--setopt=install_weak_deps=False", "mtools"],
		]);
	});

	it("are told to people in their own words", () => {
		expect(commandForPeople("debian", ["a", "b"])).toBe("sudo apt-get install --no-install-recommends a b");
		expect(commandForPeople("rhel", ["a"])).toBe("sudo dnf install a");
	});
});

describe("elevation", () => {
	it("needs nothing as root, and does not ask sudo then", () => {
		const sudoWorks = () => {
			throw new Error("asked");
		};
		expect(elevation({ uid: 0, sudoWorks })).toEqual([]);
	});

	it("uses sudo that asks no password, and is refused otherwise", () => {
		expect(elevation({ uid: 1000, sudoWorks: () => true })).toEqual(["sudo", "-n"]);
		expect(elevation({ uid: 1000, sudoWorks: () => false })).toBeUndefined();
	});
});
