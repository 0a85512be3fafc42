import { describe, expect, test } from "vitest";
import { checksumCandidates, clearText, findChecksum } from "../../../src/bases/checksums.ts";

const a = "a".repeat(64);
const b = "b".repeat(64);
const long = "c".repeat(128);
const hexOf = (text: string, name: string, algorithm: "sha256" | "sha512" = "sha256") =>
	findChecksum(text, name, algorithm)?.hex;

describe("checksum files", () => {
	test("GNU style, text and binary marks, paths before the name", () => {
		const text = `${a}  other.qcow2\n${b} *disk.img\n`;
		expect(hexOf(text, "disk.img")).toBe(b);
		expect(hexOf(`${a}  ./images/disk.img\r\n`, "disk.img")).toBe(a);
		expect(hexOf(`${long}  disk.img`, "disk.img", "sha512")).toBe(long);
	});

	test("BSD style, as Fedora and Rocky write it", () => {
		const text = `# disk.qcow2: 5 bytes\nSHA256 (other.qcow2) = ${a}\nSHA256 (disk.qcow2) = ${b.toUpperCase()}\n`;
		expect(hexOf(text, "disk.qcow2")).toBe(b);
	});

	test("one bare digest in a file beside the image, and only one", () => {
		expect(hexOf(`${a}\n`, "disk.qcow2")).toBe(a);
		expect(hexOf(`${a}\n${b}\n`, "disk.qcow2")).toBeUndefined();
	});

	test("a digest of another length, or for another name, is none", () => {
		expect(hexOf(`${long}  disk.img`, "disk.img")).toBeUndefined();
		expect(hexOf(`${a}  disk.img.xz`, "disk.img")).toBeUndefined();
		expect(hexOf(`<html>${a}  disk.img</html>`, "disk.img")).toBeUndefined();
	});

	test("of a clear-signed file only what was signed counts", () => {
		const signed = `SHA256 (x.qcow2) = ${b}
-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

- - a dash
SHA256 (disk.qcow2) = ${a}
-----BEGIN PGP SIGNATURE-----

abc
-----END PGP SIGNATURE-----
SHA256 (late.qcow2) = ${b}
`;
		expect(hexOf(signed, "disk.qcow2")).toBe(a);
		expect(hexOf(signed, "x.qcow2")).toBeUndefined();
		expect(hexOf(signed, "late.qcow2")).toBeUndefined();
		expect(clearText(signed)).toContain("\n- a dash".slice(1));
	});

	test("are looked for beside the image, without its query", () => {
		expect(checksumCandidates("https://host/dir/disk.qcow2?token=1").map(({ url }) => url)).toEqual([
			"https://host/dir/SHA256SUMS",
			"https://host/dir/SHA512SUMS",
			"https://host/dir/sha256sum.txt",
			"https://host/dir/CHECKSUM",
			"https://host/dir/disk.qcow2.sha256",
			"https://host/dir/disk.qcow2.SHA256SUM",
			"https://host/dir/disk.qcow2.CHECKSUM",
			"https://host/dir/disk.qcow2.sha512",
		]);
	});

	test.each([
		["Fedora-Cloud-Base-Generic-43-1.6.x86_64.qcow2", "Fedora-Cloud-43-1.6-x86_64-CHECKSUM"],
		["Fedora-Cloud-Base-Generic.x86_64-40-1.14.qcow2", "Fedora-Cloud-40-1.14-x86_64-CHECKSUM"],
		["Fedora-Cloud-Base-39-1.5.aarch64.raw", "Fedora-Cloud-39-1.5-aarch64-CHECKSUM"],
	])("of Fedora are named after the compose: %s", (image, file) => {
		expect(checksumCandidates(`https://host/dir/${image}`)[0]?.url).toBe(`https://host/dir/${file}`);
	});
});
