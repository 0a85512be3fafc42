import { describe, expect, test } from "vitest";
import { type GitRef, GitRefError, parseGitRef } from "../../../src/plan/lower/git-ref.ts";

/** From the tables of moby/buildkit's dfgitutil. */
const REFS: readonly (readonly [string, GitRef])[] = [
	["https://example.com/foo.git", { remote: "https://example.com/foo.git" }],
	["https://example.com/foo.git#bar", { remote: "https://example.com/foo.git", ref: "bar" }],
	["https://example.com/foo.git#:baz/qux", { remote: "https://example.com/foo.git", subdir: "baz/qux" }],
	["https://example.com/foo.git#b/a:x/y", { remote: "https://example.com/foo.git", ref: "b/a", subdir: "x/y" }],
	["https://example.com/foo.git#", { remote: "https://example.com/foo.git" }],
	["git://github.com/foo/bar", { remote: "git://github.com/foo/bar" }],
	["ssh://root@host:2222/dir/repo#v1", { remote: "ssh://root@host:2222/dir/repo", ref: "v1" }],
	["git@github.com:moby/buildkit.git#main", { remote: "git@github.com:moby/buildkit.git", ref: "main" }],
	["user@host:repo?branch=x", { remote: "user@host:repo", ref: "refs/heads/x" }],
	["https://h/r.git?tag=v1&subdir=d", { remote: "https://h/r.git", ref: "refs/tags/v1", subdir: "d" }],
	["https://h/r.git?ref=v1&commit=abc", { remote: "https://h/r.git", ref: "v1", checksum: "abc" }],
	["https://h/r.git?ref=v1#v1", { remote: "https://h/r.git", ref: "v1" }],
	["https://h/r.git?keep-git-dir&submodules=false", { remote: "https://h/r.git", keepGitDir: true, submodules: false }],
];

describe("a git address", () => {
	test.each(REFS)("%s", (source, expected) => {
		expect(parseGitRef(source)).toEqual(expected);
	});

	test.each([
		"a/b",
		"./git@host:x",
		"https://example.com/foo",
		"https://example.com/foo.git/x.txt",
		"ftp://example.com/foo.git",
		"github.com/moby/buildkit",
		"/abs",
		"a b@c:d",
	])("is not %s", (source) => {
		expect(parseGitRef(source)).toBeUndefined();
	});

	test.each([
		"https://h/r.git?what=x",
		"https://h/r.git?ref=a&ref=b",
		"https://h/r.git?ref=",
		"https://h/r.git?tag=a&branch=b",
		"https://h/r.git?tag=a#b",
		"https://h/r.git?submodules=maybe",
		"https://h/r.git#--upload-pack=touch",
		"-u@host:x",
	])("is not understood: %s", (source) => {
		expect(() => parseGitRef(source)).toThrow(GitRefError);
	});
});
