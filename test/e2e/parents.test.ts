/** A Nodefile that is FROM another one, with variables, a disk size of its own, and a catalog entry. */
import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { BASE_IMAGE } from "./support/base.ts";
import { build, type SuccessfulBuild } from "./support/build.ts";
import { succeed } from "./support/command.ts";
import { makeProject, type Project } from "./support/project.ts";

describe("FROM ./Nodefile.os", () => {
	let project: Project;
	let first: SuccessfulBuild;
	const arguments_ = (greeting: string): string[] => [
		...["-f", project.nodefile, "-t", "e2e-child"],
		...["--var-file", project.path("vars.json"), "--build-arg", `GREETING=${greeting}`],
	];

	beforeAll(async () => {
		project = await makeProject(
			[
				"# nodebuild=disk-size=11G",
				"FROM ./Nodefile.os",
				"ARG GREETING",
				"LABEL io.nodebuild.purpose=greeting io.nodebuild.version.greeter=1.0",
				'RUN echo "$GREETING, $NAME from $TIER" > /etc/greeting && df -BG --output=size / | tail -n 1 >> /etc/greeting',
			].join("\n"),
			{
				"Nodefile.os": `FROM ${BASE_IMAGE}\nENV RUN_ID=${randomUUID()} TIER=os\nARG NAME\nCOPY file /etc/from-parent\nENV NAME=$NAME\n`,
				file: "parent's\n",
				"vars.json": '{"NAME": "Ada", "UNRELATED": [1]}',
			},
		);
		first = await build(arguments_("hello"));
	});

	it("runs the other's steps first, on a machine of its own", () => {
		expect(first.ran).toEqual(["COPY file /etc/from-parent", expect.stringMatching(/^RUN echo/)]);
		expect(first.tasks.filter((title) => title.startsWith("boot "))).toHaveLength(2);
		expect(first.tasks.filter((title) => title === "seal the image")).toHaveLength(2);
		expect(first.result.image.virtualSize).toBe(11 * 2 ** 30);
	});

	it("has the other's files, configuration and variables, and the whole disk", async () => {
		const { stdout } = await succeed(["run", "e2e-child", "--", "cat", "/etc/from-parent", "/etc/greeting"]);
		expect(stdout).toMatch(/^parent's\nhello, Ada from os\n\s+(10|11)G\n$/);
	});

	it("takes the other from the store when only the child has changed", async () => {
		const second = await build(arguments_("goodbye"));
		expect(second.cached).toEqual(["COPY file /etc/from-parent"]);
		expect(second.ran).toEqual([expect.stringMatching(/^RUN echo/)]);
		expect((await build(arguments_("goodbye"))).result.cached).toBe(true);
	});

	it("says what a catalog asks for", async () => {
		const { stdout } = await succeed(["inspect", "--catalog", "e2e-child"]);
		expect(JSON.parse(stdout)).toMatchObject({
			name: "e2e-child:latest",
			purpose: "greeting",
			versions: { greeter: "1.0" },
			diskSize: 11 * 2 ** 30,
			cloudInit: true,
		});
	});
});
