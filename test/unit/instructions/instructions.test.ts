import { describe, expect, test } from "vitest";
import { instructionOf, nodefileOf, refusal } from "./support.ts";

const COPY = { link: false, parents: false, exclude: [], keepGitDir: false, heredocs: [] };
const RUN = { heredocs: [], mounts: [], mountFlags: [], network: "default", security: "sandbox" };

test.each([
	["ARG A B= C=d", { kind: "arg", args: [{ key: "A" }, { key: "B", value: "" }, { key: "C", value: "d" }] }],
	["ENV A b c", { kind: "env", vars: [{ key: "A", value: "b c" }] }],
	["LABEL a=b", { kind: "label", labels: [{ key: "a", value: "b" }] }],
	["RUN a  b", { kind: "run", command: { form: "shell", script: "a  b" }, ...RUN }],
	['RUN ["a"]', { kind: "run", command: { form: "exec", argv: ["a"] }, ...RUN }],
	["COPY a b c/", { kind: "copy", sources: ["a", "b"], dest: "c/", ...COPY }],
	[
		"COPY --from=x --chown=1 --chmod=u+x --link --parents=true --exclude=a --exclude=b s d",
		{
			kind: "copy",
			sources: ["s"],
			dest: "d",
			...COPY,
			from: "x",
			chown: "1",
			chmod: "u+x",
			link: true,
			parents: true,
			exclude: ["a", "b"],
		},
	],
	[
		"ADD --unpack=false --keep-git-dir --checksum=sha256:1 http://x /y",
		{ kind: "add", sources: ["http://x"], dest: "/y", ...COPY, unpack: false, keepGitDir: true, checksum: "sha256:1" },
	],
	["COPY --from= --link=FALSE a b", { kind: "copy", sources: ["a"], dest: "b", ...COPY }],
	["WORKDIR /a b/", { kind: "workdir", path: "/a b/" }],
	["USER a:b", { kind: "user", user: "a:b" }],
	['SHELL ["sh", "-c"]', { kind: "shell", argv: ["sh", "-c"] }],
	["EXPOSE 90 80/tcp", { kind: "expose", ports: ["80/tcp", "90"] }],
	['VOLUME [" /a "]', { kind: "volume", paths: ["/a"] }],
	["CMD []", { kind: "cmd", command: { form: "exec", argv: [] } }],
	["ENTRYPOINT a", { kind: "entrypoint", command: { form: "shell", script: "a" } }],
	["HEALTHCHECK none", { kind: "healthcheck", check: { kind: "none" } }],
	[
		"HEALTHCHECK --interval=1h0.5s --timeout=0 --start-period=3ms --start-interval=1us1ms --retries=4 CMD x",
		{
			kind: "healthcheck",
			check: {
				kind: "command",
				command: { form: "shell", script: "x" },
				interval: 3_600_500_000_000,
				startPeriod: 3_000_000,
				startInterval: 1_001_000,
				retries: 4,
			},
		},
	],
	["STOPSIGNAL $S", { kind: "stopsignal", signal: "$S" }],
	["onbuild RUN a \\\n b", { kind: "onbuild", trigger: "RUN a  b" }],
	["ONBUILD COPY <<-E /f\n\tx\n\tE", { kind: "onbuild", trigger: "COPY <<-E /f\n\tx\nE" }],
	["MAINTAINER a <b>", { kind: "maintainer", name: "a <b>" }],
])("%s", (line, expected) => {
	expect(instructionOf(line)).toEqual(expected);
});

test("heredocs of COPY stand apart from its paths", () => {
	const line = 'COPY <<"A" p <<-B q /d/\n$x\nA\n\ty\n\tB';
	expect(instructionOf(line)).toMatchObject({
		sources: ["p", "q"],
		heredocs: [
			{ name: "A", content: "$x\n", expand: false },
			{ name: "B", content: "y\n", expand: true },
		],
		dest: "/d/",
	});
});

describe("FROM", () => {
	test("stage names are lower-cased", () => {
		const { stages } = nodefileOf("FROM --platform=p a:$V aS Build.1\nFROM Build.1");
		const forms = stages.map(({ index, from: { image, platform, as } }) => ({ index, image, platform, as }));
		expect(forms).toEqual([
			{ index: 0, image: "a:$V", platform: "p", as: "build.1" },
			{ index: 1, image: "Build.1", platform: undefined, as: undefined },
		]);
	});
});

/** [line, column of what is underlined, length, message] */
test.each([
	["FORM a", 1, 4, "unknown instruction: FORM (did you mean FROM?)"],
	["  wrkdir /x", 3, 6, "unknown instruction: wrkdir (did you mean workdir?)"],
	["RUN\u00a0x", 1, 5, "unknown instruction: RUN\u00a0x (did you mean RUN?)"],
	["COPY --chwon=1 a b", 6, 7, "unknown flag: --chwon (did you mean --chown?)"],
	["ENV --x A=b", 5, 3, "unknown flag: --x"],
	["ADD --from=x a b", 5, 6, "unknown flag: --from"],
	["COPY --chown a b", 6, 7, "missing a value on flag: --chown"],
	["COPY --link= a b", 6, 6, "missing a value on flag: --link"],
	["COPY --link=ja a b", 6, 6, "expecting boolean value for flag --link, not: ja"],
	["COPY --chown=1 --chown=2 a b", 6, 7, "duplicate flag specified: --chown"],
	["COPY a <<E\nE", 8, 3, "COPY cannot accept a heredoc as a destination"],
	["RUN --network=off x", 5, 13, 'invalid network mode "off"'],
	["RUN --security=none x", 5, 15, 'invalid security mode "none"'],
	["FROM a AS 1b", 11, 2, 'invalid name for build stage: "1b", name can\'t start with a number or contain symbols'],
	["FROM a b", 1, 8, "FROM requires either one or three arguments"],
	["ARG =x", 1, 6, "ARG names can not be blank"],
	["ENV =x", 1, 6, "ENV names can not be blank"],
	["HEALTHCHECK --interval=5 CMD x", 13, 12, 'invalid duration "5"'],
	["HEALTHCHECK --timeout=1us CMD x", 13, 13, 'Interval "timeout" cannot be less than 1ms'],
	["HEALTHCHECK --retries=-1 CMD x", 13, 12, "--retries cannot be negative (-1)"],
	["HEALTHCHECK NONE x", 1, 18, "HEALTHCHECK NONE takes no arguments"],
	["HEALTHCHECK RUN x", 13, 3, 'Unknown type "RUN" in HEALTHCHECK (try CMD)'],
	["HEALTHCHECK CMD", 1, 15, "Missing command after HEALTHCHECK CMD"],
	['VOLUME [""]', 1, 11, "VOLUME specified can not be an empty string"],
	["SHELL sh -c", 1, 11, "SHELL requires the arguments to be in JSON form"],
	["ONBUILD FROM a", 9, 4, "FROM isn't allowed as an ONBUILD trigger"],
	["RUN --mount=from=$x,target=/y z", 13, 5, "'from' doesn't support variable expansion, define alias stage instead"],
])("%s is refused where it is wrong", (line, column, length, message) => {
	const error = refusal(() => nodefileOf(`FROM a\n${line}`));
	expect(error.code).toBe("NODEFILE_INVALID");
	expect(error.message).toBe(message);
	expect(error.at).toMatchObject({ file: "Nodefile", line: 2, column, length });
	expect(error.hint).toBeDefined();
});

test("a device is a thing that a machine cannot have", () => {
	const error = refusal(() => nodefileOf("FROM a\nRUN --device=x y"));
	expect([error.code, error.at?.column]).toEqual(["UNSUPPORTED", 5]);
});
