import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
	installedMatchesLock,
	needsNpmPackages,
	rememberNpmPackages,
} from "../../../../scripts/setup/npm-packages.mjs";

const LOCK = {
	packages: {
		"": { version: "0.1.0" },
		"node_modules/a": { version: "1.0.0" },
		"node_modules/b-other-platform": { version: "2.0.0", optional: true },
	},
};

describe("installedMatchesLock", () => {
	it("allows optional packages of other platforms to be absent", () => {
		expect(installedMatchesLock(LOCK, { packages: { "node_modules/a": { version: "1.0.0" } } })).toBe(true);
	});

	it("sees another version and a missing package", () => {
		expect(installedMatchesLock(LOCK, { packages: { "node_modules/a": { version: "1.0.1" } } })).toBe(false);
		expect(installedMatchesLock(LOCK, { packages: {} })).toBe(false);
		expect(installedMatchesLock(LOCK, {})).toBe(false);
	});
});

describe("needsNpmPackages", () => {
	let root: string;
	const put = (path: string, content: unknown) => writeFile(join(root, path), JSON.stringify(content));

	beforeEach(async () => {
		root = await mkdtemp(join(tmpdir(), "nodebuild-npm-"));
	});
	afterEach(() => rm(root, { recursive: true }));

	it("in a clean clone", async () => {
		await put("package-lock.json", LOCK);
		expect(needsNpmPackages(root)).toBe(true);
	});

	it("not where the package is installed, which has no lock", () => {
		expect(needsNpmPackages(root)).toBe(false);
	});

	it("not again until the lock changes", async () => {
		await put("package-lock.json", LOCK);
		await mkdir(join(root, "node_modules"));
		rememberNpmPackages(root);
		expect(needsNpmPackages(root)).toBe(false);
		await put("package-lock.json", { packages: {} });
		expect(needsNpmPackages(root)).toBe(true);
		await put("node_modules/.package-lock.json", { packages: {} });
		expect(needsNpmPackages(root)).toBe(false);
	});

	it("when node_modules comes from another kind of machine", async () => {
		await put("package-lock.json", LOCK);
		await mkdir(join(root, "node_modules"));
		await put("node_modules/.package-lock.json", LOCK);
		expect(needsNpmPackages(root)).toBe(false);
		await writeFile(join(root, "node_modules/.nodebuild-lock"), "plan9 mips 0123");
		expect(needsNpmPackages(root)).toBe(true);
	});

	it("not after an installation by hand that matches the lock", async () => {
		await put("package-lock.json", LOCK);
		await mkdir(join(root, "node_modules"));
		await put("node_modules/.package-lock.json", { packages: { "node_modules/a": { version: "1.0.0" } } });
		expect(needsNpmPackages(root)).toBe(false);
		await put("node_modules/.package-lock.json", { packages: { "node_modules/a": { version: "0.9.0" } } });
		expect(needsNpmPackages(root)).toBe(true);
	});
});
