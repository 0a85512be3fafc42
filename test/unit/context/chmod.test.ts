import { execFileSync } from "node:child_process";
import { chmodSync, lstatSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyChmod } from "../../../src/context/chmod.ts";
import { temporaryDirectory } from "./workspace.ts";

describe("applyChmod", () => {
	it.each([
		["0755", 0o644, false, 0o755],
		["7755", 0o644, true, 0o7755],
		["0", 0o777, false, 0],
		["+x", 0o644, false, 0o755],
		["go-w", 0o666, false, 0o644],
		["u=rwX,go=rX", 0o640, false, 0o644],
		["u=rwX,go=rX", 0o740, false, 0o755],
		["u=rwX,go=rX", 0o700, true, 0o755],
		["a-X", 0o644, true, 0o644],
		["a-X", 0o755, false, 0o644],
		["a+X", 0o644, true, 0o755],
		["a+X", 0o700, false, 0o711],
		["=rw,+X", 0o755, false, 0o755],
		["g=u", 0o740, false, 0o770],
		["go=", 0o755, false, 0o700],
		["go=u-w", 0o755, false, 0o755],
		["u+s", 0o755, false, 0o4755],
		["g+s,o+t", 0o755, true, 0o2755],
		["+t", 0o777, true, 0o1777],
		["o-s", 0o4755, false, 0o4755],
	])("%s on %o (directory: %s) gives %o", (spec, mode, isDirectory, expected) => {
		expect(applyChmod(spec, mode, isDirectory)).toBe(expected);
	});

	it.each(["64a", "10000", "8", "77777777777"])("refuses %s with BuildKit's words", (spec) => {
		expect(() => applyChmod(spec, 0, false)).toThrow(
			`invalid chmod parameter: '${spec}'. it should be octal string and between 0 and 07777`,
		);
	});

	it.each(["", "u", "u+q", "x+", ",", "u+x,", "+x rw"])("refuses %j", (spec) => {
		expect(() => applyChmod(spec, 0, false)).toThrow("invalid chmod parameter");
	});

	it("does what chmod(1) does to files", () => {
		const file = join(temporaryDirectory(), "file");
		writeFileSync(file, "");
		const permissions = fc.oneof(
			fc.string({ unit: fc.constantFrom("r", "w", "x", "X"), maxLength: 3 }),
			fc.constantFrom("u", "g", "o"),
		);
		const who = fc.constantFrom("", "u", "g", "o", "a", "ug", "go");
		const clause = fc.tuple(who, fc.constantFrom("+", "-", "="), permissions).map((parts) => parts.join(""));
		const spec = fc.array(clause, { minLength: 1, maxLength: 3 }).map((clauses) => clauses.join(","));
		fc.assert(
			fc.property(spec, fc.nat(0o777), (text, mode) => {
				// chmod(1) decides X by the mode at that clause, setmode by the mode at the start.
				fc.pre(!text.includes("X") || !text.includes(","));
				// Copies without a class obey the umask in setmode only.
				fc.pre(!/(^|,)[-+=][ugo]/.test(text));
				chmodSync(file, mode);
				execFileSync("sh", ["-c", 'umask 022; chmod -- "$1" "$2"', "sh", text, file], { stdio: "pipe" });
				expect(applyChmod(text, mode, false)).toBe(lstatSync(file).mode & 0o7777);
			}),
			{ numRuns: 60 },
		);
	});
});
