import { describe, expect, test } from "vitest";
import { NodebuildError } from "../../../src/errors.ts";
import { expandMounts } from "../../../src/instructions/index.ts";
import { ofKind, refusal } from "./support.ts";

const asWritten = (value: string) => value;

function mount(options: string, expand = asWritten) {
	return expandMounts(ofKind("run", `RUN --mount=${options} x`), expand)[0];
}

test.each([
	["target=/t", { type: "bind", target: "/t", readOnly: true }],
	["dst=/t,rw,from=b,src=s", { type: "bind", target: "/t", source: "s", from: "b", readOnly: false }],
	[
		"type=CACHE,destination=/t,sharing=Locked,mode=0750,uid=1,gid=2,id=i",
		{ type: "cache", target: "/t", sharing: "locked", mode: 0o750, uid: 1, gid: 2, id: "i", readOnly: false },
	],
	["type=cache,target=/t,ro=1", { type: "cache", target: "/t", readOnly: true }],
	["type=tmpfs,target=/t,size=1.5g", { type: "tmpfs", target: "/t", sizeLimit: 1_610_612_736, readOnly: false }],
	["type=secret,id=s,env=E,required", { type: "secret", id: "s", env: "E", required: true, readOnly: true }],
	["type=ssh,required=false", { type: "ssh", required: false, readOnly: true }],
	["type=bind,readwrite=false,target=", { type: "bind", readOnly: true }],
	['type=bind,\\"target=/a,b\\"', { type: "bind", target: "/a,b", readOnly: true }],
])("%s", (options, expected) => {
	expect(mount(options)).toEqual(expected);
});

test("every option is expanded, and only then checked", () => {
	const values: Readonly<Record<string, string>> = { $t: "cache", $m: "700", "/$d": "/dir" };
	const options = "type=$t,mode=$m,target=/$d";
	expect(ofKind("run", `RUN --mount=${options} x`).mounts).toEqual([{ type: "bind", target: "/$d", readOnly: true }]);
	expect(mount(options, (value) => values[value] ?? value)).toEqual({
		type: "cache",
		mode: 0o700,
		target: "/dir",
		readOnly: false,
	});
});

describe("refused", () => {
	test.each([
		["type=bnid,target=/t", 'unsupported mount type "bnid"'],
		["type=cache,sharing=share", 'unsupported sharing value "share" (did you mean shared?)'],
		["targt=/t", "unexpected key 'targt' in 'targt=/t' (did you mean target?)"],
		["z", "unexpected key 'z' in 'z'"],
		["target", "invalid field 'target' must be a key=value pair"],
		["type=cache,required", "unexpected key 'required' for mount type 'cache'"],
		["size=1m", "unexpected key 'size' for mount type 'bind'"],
		["type=tmpfs,size=much", "invalid value for size: much"],
		["ro=ja", "invalid value for ro: ja"],
		["type=cache,mode=999", "invalid value 999 for mode"],
		["type=cache,uid=4294967296", "invalid value 4294967296 for uid"],
		["type=bind,mode=0700", 'mode not allowed for "bind" type mounts'],
		["type=secret", "invalid secret mount. one of source, target required"],
		["type=secret,id=a,source=b", "both source and id can't be set"],
		["type=secret,id=a,from=b", "secret mount should not have a from"],
		["type=ssh,sharing=private", "invalid cache sharing set for ssh mount"],
	])("%s", (options, message) => {
		const error = refusal(() => mount(options));
		expect(error).toBeInstanceOf(NodebuildError);
		expect(error.code).toBe("NODEFILE_INVALID");
		expect(error.message).toContain(message);
		expect(error.hint).toBeDefined();
	});

	test.each(["", 'a\\"b', '\\"a'])("broken CSV is refused while reading: %s", (options) => {
		const error = refusal(() => ofKind("run", `RUN --mount=${options} x`));
		expect(error.message).toContain("failed to parse csv mounts");
		expect(error.at?.line).toBe(2);
	});
});
