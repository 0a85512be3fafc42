/** The rules are those of Docker's own tests (moby/sys/user, TestGetExecUser and others). */
import { describe, expect, test } from "vitest";
import { lookUpUser } from "../../../src/guest/accounts.ts";
import { resolveGroup, resolveUser } from "../../../src/guest/users.ts";

const PASSWD = `# accounts
root:x:0:0:root user:/root:/bin/bash
adm:x:42:43:adm:/var/adm:/bin/false
111:x:222:333::/home/odd:/bin/sh
-:-:
homeless:x:7:8:::
adm:x:99:99:second:/second:/bin/sh
`;
const GROUP = `root:x:0:root
# comment
adm:x:43:
grp:x:1234:root,adm,user1
444:x:555:111
more:x:4321:adm
`;
const user = (spec: string) => resolveUser(spec, PASSWD, GROUP);

describe("USER", () => {
	test.each([
		["", { uid: 0, gid: 0, groups: [0, 1234], home: "/root" }],
		["root", { uid: 0, gid: 0, groups: [0, 1234], home: "/root" }],
		["adm", { uid: 42, gid: 43, groups: [1234, 4321], home: "/var/adm" }],
		["adm:", { uid: 42, gid: 43, groups: [1234, 4321], home: "/var/adm" }],
		["root:adm", { uid: 0, gid: 43, groups: [], home: "/root" }],
		[":adm", { uid: 0, gid: 43, groups: [], home: "/root" }],
		["adm:1234", { uid: 42, gid: 1234, groups: [], home: "/var/adm" }],
		["adm:9999", { uid: 42, gid: 9999, groups: [], home: "/var/adm" }],
		["42", { uid: 42, gid: 43, groups: [1234, 4321], home: "/var/adm" }],
		["0", { uid: 0, gid: 0, groups: [0, 1234], home: "/root" }],
		["1337", { uid: 1337, gid: 0, groups: [], home: "/" }],
		["1337:grp", { uid: 1337, gid: 1234, groups: [], home: "/" }],
		["0042", { uid: 42, gid: 43, groups: [1234, 4321], home: "/var/adm" }],
		["homeless", { uid: 7, gid: 8, groups: [], home: "/" }],
	])("%j", (spec, resolved) => {
		expect(user(spec)).toEqual(resolved);
	});

	test("a number is an id, even where an account or group is called so", () => {
		expect(user("111")).toEqual({ uid: 111, gid: 0, groups: [], home: "/" });
		expect(user("222")).toMatchObject({ uid: 222, gid: 333, groups: [555] });
		expect(resolveGroup("444", GROUP)).toBe(444);
	});

	test.each(["notuser", "notuser:adm", "adm:notgroup", "1337:notgroup", "-1", "1.5", " adm"])(
		"%j is refused",
		(spec) => {
			expect(() => user(spec)).toThrow(expect.objectContaining({ code: "STEP_FAILED" }));
		},
	);

	test("ids that no kernel has are refused", () => {
		expect(user("2147483647").uid).toBe(2_147_483_647);
		expect(() => user("2147483648")).toThrow("expected a user id between 0 and 2147483647, got 2147483648");
		expect(() => user("0:99999999999999999999")).toThrow("expected a group id");
	});

	test("a name that is missing is said with how to make it", () => {
		expect(() => user("web")).toThrow(
			expect.objectContaining({
				message: expect.stringContaining("user web"),
				hint: expect.stringContaining("useradd"),
			}),
		);
		expect(() => resolveGroup("web", GROUP)).toThrow(
			expect.objectContaining({ hint: expect.stringContaining("groupadd web") }),
		);
	});
});

test("accounts are the guest's own; files without a last line break do not run together", async () => {
	const files = "root:x:0:0::/root:/bin/sh\nweb:x:5:6::/web:/bin/sh::nodebuild::\nweb:x:6:";
	expect(await lookUpUser({ script: async () => files }, "web")).toEqual({ uid: 5, gid: 6, groups: [], home: "/web" });
});
