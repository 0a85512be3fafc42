import { describe, expect, it } from "vitest";
import { type CopySource, planLayout } from "../../../src/context/index.ts";

const file = (name: string): CopySource => ({ name, isDirectory: false, entries: [] });
const directory = (name: string): CopySource => ({ name, isDirectory: true, entries: [] });
const archive = (name: string): CopySource => ({ name, isDirectory: false, archive: "gzip", entries: [] });

function place(
	sources: readonly CopySource[],
	dest: string,
	destIsDirectory = false,
): [readonly string[], readonly string[]] {
	const placement = planLayout({ sources }, { dest, destIsDirectory });
	return [placement.targets, placement.createdParents];
}

describe("planLayout", () => {
	it("puts a file where the destination says", () => {
		expect(place([file("x/a")], "/opt/b")).toEqual([["/opt/b"], ["/opt"]]);
		expect(place([file("x/a")], "/b")).toEqual([["/b"], []]);
	});

	it("puts a file into a directory that exists, or is meant by a slash or dot at the end", () => {
		expect(place([file("x/a")], "/opt", true)).toEqual([["/opt/a"], ["/opt"]]);
		expect(place([file("x/a")], "/opt/b/")).toEqual([["/opt/b/a"], ["/opt", "/opt/b"]]);
		expect(place([file("x/a")], "/opt/.")).toEqual([["/opt/a"], ["/opt"]]);
		expect(place([file("a")], "/")).toEqual([["/a"], []]);
	});

	it("merges a directory's content into the destination", () => {
		expect(place([directory("src")], "/app/x")).toEqual([["/app/x"], ["/app", "/app/x"]]);
		expect(place([directory("")], "/app/")).toEqual([["/app"], ["/app"]]);
	});

	it("takes sources one after the other", () => {
		expect(place([file("a"), file("b")], "/d/")[0]).toEqual(["/d/a", "/d/b"]);
		// Recorded of BuildKit: no error, the last one stays.
		expect(place([file("a"), file("b")], "/d")[0]).toEqual(["/d", "/d"]);
		expect(place([directory("s"), file("b")], "/d")[0]).toEqual(["/d", "/d/b"]);
	});

	it("unpacks archives into the destination", () => {
		expect(place([archive("a.tgz"), file("b")], "/srv/x")).toEqual([
			["/srv/x", "/srv/x/b"],
			["/srv", "/srv/x"],
		]);
	});

	it("creates nothing for no sources, and stays below the root", () => {
		expect(place([], "/a/b/")).toEqual([[], []]);
		expect(place([file("a")], "/../../b")).toEqual([["/b"], []]);
	});
});
