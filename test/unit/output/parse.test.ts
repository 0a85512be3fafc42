import { expect, test } from "vitest";
import { parseOutput } from "../../../src/output/parse.ts";

test.each([
	["type=qcow2,dest=node.qcow2", { type: "qcow2", dest: "node.qcow2", options: {} }],
	["type=qcow2,dest=n.qcow2,compress=true", { type: "qcow2", dest: "n.qcow2", options: { compress: "true" } }],
	["compress,dest=n.qcow2", { type: "qcow2", dest: "n.qcow2", options: { compress: "true" } }],
	['type=raw,"dest=out/a,b ""c"".img"', { type: "raw", dest: 'out/a,b "c".img', options: {} }],
	["type=RAW,dest=a=b.img,sha256=false", { type: "raw", dest: "a=b.img", options: { sha256: "false" } }],
	["out/Node.QCOW2", { type: "qcow2", dest: "out/Node.QCOW2", options: {} }],
	["disk.img", { type: "raw", dest: "disk.img", options: {} }],
	["node.vhdx", { type: "vhdx", dest: "node.vhdx", options: {} }],
])("%s", (text, request) => {
	expect(parseOutput(text)).toEqual(request);
});

test.each([
	["type=qcow,dest=x", /expected an output type of qcow2, raw.*got "qcow"/, "did you mean qcow2"],
	["type=qcow2,dest=x,compres=true", /has no option "compres"/, "did you mean compress"],
	["type=qcow2,dest=x,compress=yes", /expected compress .* false or true, got "yes"/, ""],
	["type=qcow2,dest=x,compression=zst", /zlib or zstd, got "zst"/, "did you mean zstd"],
	["type=qcow2", /expected dest=/, "-o type=qcow2,dest=node.qcow2"],
	["type=qcow2,dest=", /expected dest to be a file's path/, ""],
	["type=qcow2,dest=-", /cannot be written to standard output/, ""],
	["-", /cannot be written to standard output/, ""],
	["dest=x", /expected type=/, ""],
	["type=raw,type=raw,dest=x", /says type twice/, ""],
	["type=raw,,dest=x", /expected name=value/, ""],
	['type=raw,"dest=x', /expected a closing quote/, ""],
	["node", /expected the output's file name to end in \.qcow2, .*got "node"/, "type=raw,dest=node"],
	["type=raw,dest=x,constructor=1", /has no option "constructor"/, ""],
])("%s is refused", (text, message, hint) => {
	const refusal = (): unknown => {
		try {
			return parseOutput(text);
		} catch (error) {
			return error;
		}
	};
	expect(refusal()).toMatchObject({
		code: "USAGE",
		message: expect.stringMatching(message),
		hint: expect.stringContaining(hint),
	});
});
