/** What BuildKit does with each instruction, as far as the golden plans do not show it. */
import { describe, expect, it } from "vitest";
import { execOf, failureOf, planText, requestOf, stepsOf } from "./support.ts";

const FROM = "FROM debian:12\n";
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Environment of the last step, which runs a command, without PATH. */
async function envOf(text: string, buildArgs: Record<string, string> = {}) {
	const exec = execOf((await stepsOf(text, { buildArgs })).at(-1));
	return Object.fromEntries(exec.env.filter(([name]) => name !== "PATH"));
}

/** Configuration of the image. */
async function configOf(text: string) {
	const { plan } = await planText(text);
	const config = plan.stages.at(-1)?.config;
	if (config === undefined) throw new Error("expected a stage");
	return config;
}

describe("ARG and ENV", () => {
	it("whichever of ARG and ENV comes later wins", async () => {
		expect(await envOf(`${FROM}ARG A=arg\nENV A=env\nRUN x`, { A: "given" })).toEqual({ A: "env" });
		expect(await envOf(`${FROM}ENV A=env\nARG A=arg\nRUN x`)).toEqual({ A: "arg" });
		expect(await envOf(`${FROM}ENV A=env\nARG A\nRUN x`)).toEqual({ A: "env" });
	});

	it("ARG without a value is not in the environment, with an empty one it is", async () => {
		expect(await envOf(`${FROM}ARG A\nARG B=\nRUN x`)).toEqual({ B: "" });
	});

	it("arguments before FROM are seen in a stage only where it declares them", async () => {
		expect(await envOf(`ARG A=1 B=$A-2\n${FROM}ARG B\nRUN x`)).toEqual({ B: "1-2" });
		expect(await envOf(`ARG A=1\n${FROM}ARG A=stage\nRUN x`)).toEqual({ A: "stage" });
		expect(await envOf(`ARG A=1\n${FROM}ARG A=stage\nRUN x`, { A: "given" })).toEqual({ A: "given" });
	});

	it("come along into stages built from the stage, ENV before ARG", async () => {
		const text = `FROM debian:12 AS a\nARG NAME=base\nENV E=env\nARG E=arg\nFROM a\nARG NAME=$NAME-dev\nRUN x`;
		expect(await envOf(text)).toEqual({ NAME: "base-dev", E: "env" });
	});

	it("values of one ENV see the environment before it", async () => {
		expect(await envOf(`${FROM}ENV A=1\nENV A=2 B=$A\nRUN x`)).toEqual({ A: "2", B: "1" });
	});

	it("tell where a word cannot be expanded", async () => {
		const error = await failureOf(`${FROM}ENV A="\${B"\n`);
		expect(error).toMatchObject({ code: "NODEFILE_INVALID", at: { line: 2, column: 1, text: `ENV A="\${B"` } });
		expect((await failureOf(`ARG A=\${B\n${FROM}`)).at?.line).toBe(1);
	});

	it("platform and stage can be asked for", async () => {
		const text = `FROM debian:12 AS Web\nARG TARGETPLATFORM\nARG TARGETARCH\nARG TARGETSTAGE\nARG BUILDOS\nRUN x`;
		expect(await envOf(text)).toEqual({
			TARGETPLATFORM: "linux/amd64",
			TARGETARCH: "amd64",
			TARGETSTAGE: "web",
			BUILDOS: "linux",
		});
	});

	it("proxies reach RUN in both spellings, and not the image", async () => {
		const text = `${FROM}ARG HTTPS_PROXY=declared\nRUN x`;
		expect(await envOf(text, { http_proxy: "p", FTP_PROXY: "" })).toEqual({
			HTTPS_PROXY: "declared",
			HTTP_PROXY: "p",
			http_proxy: "p",
		});
		const { plan } = await planText(text, { buildArgs: { http_proxy: "p" } });
		expect(plan.stages[0]?.config.env).toEqual([["PATH", PATH]]);
	});

	it("names that objects have are plain names", async () => {
		expect(await envOf(`${FROM}ARG constructor\nARG __proto__=1\nRUN x`)).toEqual(
			Object.fromEntries([["__proto__", "1"]]),
		);
		expect((await configOf(`${FROM}LABEL __proto__=x\n`)).labels).toEqual(Object.fromEntries([["__proto__", "x"]]));
	});
});

describe("warnings", () => {
	it("tell a build argument that nobody declares, with the one that was meant", async () => {
		const { warnings } = await planText(`ARG VERSION\n${FROM}ARG NAME\n`, {
			buildArgs: { VERSOIN: "1", NAME: "x", no_proxy: "y", BUILDKIT_INLINE_CACHE: "1", TARGETARCH: "z" },
		});
		expect(warnings.map(({ message }) => message)).toEqual([
			"One or more build-args [VERSOIN] were not consumed (did you mean VERSION?)",
		]);
	});

	it("tell an undefined variable at its line, and not one that is declared without a value", async () => {
		const { warnings } = await planText(`${FROM}ENV VERSION=1\nARG EMPTY\nENV B=$VERSOIN C=$EMPTY\n`);
		expect(warnings).toMatchObject([
			{
				rule: "UndefinedVar",
				message: "Usage of undefined variable '$VERSOIN' (did you mean $VERSION?)",
				at: { line: 4 },
			},
		]);
	});

	it("tell a variable in FROM that is not declared", async () => {
		const { warnings } = await planText(`ARG BASE=debian\nFROM \${BSAE:-debian:12}\n`);
		expect(warnings).toMatchObject([
			{ rule: "UndefinedArgInFrom", message: "FROM argument 'BSAE' is not declared (did you mean BASE?)" },
		]);
	});
});

describe("RUN", () => {
	it("takes the list form as it is, and the shell form through the shell of that moment", async () => {
		const steps = await stepsOf(`${FROM}RUN ["echo", "$A"]\nSHELL ["/bin/bash", "-c"]\nRUN echo $A\n`);
		expect(execOf(steps[0]).argv).toEqual(["echo", "$A"]);
		expect(execOf(steps[2]).argv).toEqual(["/bin/bash", "-c", "echo $A"]);
	});

	it("gives a lone heredoc to the shell, or runs it when it begins with #!", async () => {
		const steps = await stepsOf(`${FROM}RUN <<EOF\na\nb\nEOF\nRUN <<"PY"\n#!/usr/bin/python3\nx\nPY\n`);
		expect(execOf(steps[0])).toMatchObject({ argv: ["/bin/sh", "-c", "a\nb\n"], pipes: [] });
		expect(execOf(steps[1])).toMatchObject({
			argv: ["/dev/pipes/PY"],
			pipes: [{ name: "PY", content: "#!/usr/bin/python3\nx\n" }],
		});
	});

	it("reads a text that is too long for an argument from a file, with the same shell", async () => {
		const line = `: ${"x".repeat(997)}\n`;
		const fits = `${line.repeat(131)}${"#".repeat(70)}\n`;
		const long = `${fits}:\n`;
		const shell = 'SHELL ["/bin/bash", "-o", "pipefail", "-euc"]';
		const steps = await stepsOf(`${FROM}RUN <<EOF\n${fits}EOF\n${shell}\nRUN <<EOF\n${long}EOF\n`);
		expect(execOf(steps[0])).toMatchObject({ argv: ["/bin/sh", "-c", fits], pipes: [] });
		expect(execOf(steps[2])).toMatchObject({
			argv: ["/bin/bash", "-o", "pipefail", "-euc", ". /dev/pipes/command"],
			pipes: [{ name: "command", content: long }],
		});
	});

	const lines = `${"x".repeat(60_000)}\\\n`.repeat(2) + "x".repeat(11_072);

	it.each([
		["an argument", `RUN ["echo", "${lines}"]`],
		["a text for /usr/bin/python3", `SHELL ["/usr/bin/python3", "-c"]\nRUN ${lines}`],
	])("refuses %s that no program can be given", async (what, text) => {
		await expect(stepsOf(`${FROM}${text}\n`)).rejects.toMatchObject({
			code: "NODEFILE_INVALID",
			message: `expected ${what} of at most 131071 bytes, got 131072: Linux starts no program with more`,
		});
	});

	it("leaves heredocs within a command to the shell", async () => {
		const [step] = await stepsOf(`${FROM}RUN cat <<A - <<'B'\n$x\nA\ny\nB\n`);
		expect(execOf(step).argv).toEqual(["/bin/sh", "-c", "cat <<A - <<'B'\n$x\nA\ny\nB"]);
	});

	it("runs as the user, in the directory, with the network that was said", async () => {
		const steps = await stepsOf(`${FROM}WORKDIR /a/\nUSER app\nRUN --network=none x\n`);
		expect(execOf(steps.at(-1))).toMatchObject({ cwd: "/a", user: "app", network: "none" });
	});

	it("shows variables that are known", async () => {
		const steps = await stepsOf(`${FROM}ENV V=1.2\nrun echo "$V" '$W'  "\${X:-y}" \\\\n\n`);
		expect(steps.at(-1)?.title).toBe(`RUN echo "1.2" '$W'  "\${X:-y}" \\\\n`);
	});
});

describe("RUN --mount", () => {
	it("agents have numbered sockets, and SSH_AUTH_SOCK names the first one unless it is set", async () => {
		const run = "RUN --mount=type=ssh --mount=type=ssh,id=other --mount=type=ssh,target=/s x\n";
		const { mounts, env } = execOf((await stepsOf(`${FROM}${run}`)).at(-1));
		expect(mounts.map(({ id, target }) => [id, target])).toEqual([
			["default", "/run/buildkit/ssh_agent.0"],
			["other", "/run/buildkit/ssh_agent.1"],
			["default", "/s"],
		]);
		expect(new Map(env).get("SSH_AUTH_SOCK")).toBe("/run/buildkit/ssh_agent.0");
		const own = execOf((await stepsOf(`${FROM}ENV SSH_AUTH_SOCK=/mine\n${run}`)).at(-1));
		expect(new Map(own.env).get("SSH_AUTH_SOCK")).toBe("/mine");
		expect((await failureOf(`${FROM}RUN --mount=type=ssh,source=x y\n`)).message).toContain("without source");
	});

	it("may have variables in any option but from", async () => {
		const text = `${FROM}ARG TYPE=cache\nENV DIR=/c MODE=0700\nRUN --mount=type=$TYPE,target=$DIR/x,mode=$MODE x\n`;
		expect(execOf((await stepsOf(text)).at(-1)).mounts).toMatchObject([
			{ type: "cache", target: "/c/x", id: "/c/x", mode: 0o700, readOnly: false },
		]);
		const error = await failureOf(`${FROM}ARG TYPE=cahce\nRUN --mount=type=$TYPE,target=/c x\n`);
		expect(error).toMatchObject({ code: "NODEFILE_INVALID", at: { line: 3 } });
	});

	it("counts with the content behind it", async () => {
		const text = `FROM debian:12 AS a\nRUN make\nFROM debian:12\nRUN --mount=from=a,target=/a --mount=target=/ctx x\n`;
		const { plan } = await planText(text);
		const [bind, context] = execOf(plan.stages.at(-1)?.steps[0]).mounts;
		expect(bind).toMatchObject({ origin: { kind: "stage", stage: 0 } });
		expect(context).toMatchObject({ origin: { kind: "context" } });
		expect(bind?.content).not.toBe(context?.content);
	});

	it("needs a target below /", async () => {
		expect((await failureOf(`${FROM}RUN --mount=type=cache x\n`)).message).toContain("mount target");
	});
});

describe("COPY and ADD", () => {
	it("resolve the destination against WORKDIR", async () => {
		const steps = await stepsOf(`${FROM}WORKDIR /w\nCOPY a .\nCOPY a b/\nCOPY a /c/../d\n`);
		expect(steps.slice(1).map((step) => requestOf(step).dest)).toEqual(["/w/", "/w/b/", "/d"]);
	});

	it("unpack with ADD only, unless told", async () => {
		const steps = await stepsOf(`${FROM}COPY a.tar /\nADD a.tar /\nADD --unpack=false a.tar /\n`);
		expect(steps.map((step) => requestOf(step).unpack)).toEqual([false, true, false]);
	});

	it("expand heredocs unless the delimiter is quoted, and keep their quotes", async () => {
		const [, step] = await stepsOf(`${FROM}ENV A=1\nCOPY <<x <<'y' /d/\n"$A"\nx\n"$A"\ny\n`);
		expect(requestOf(step).origins).toEqual([
			{ kind: "inline", name: "x", content: '"1"\n' },
			{ kind: "inline", name: "y", content: '"$A"\n' },
		]);
	});

	it("ask nothing of the world for stages and heredocs", async () => {
		const asked: string[] = [];
		await planText(`FROM debian:12 AS a\nFROM debian:12\nCOPY --from=a /x /\nCOPY <<x /\nx\n`, {}, { asked });
		expect(asked).toEqual(["base debian:12 linux/amd64"]);
	});

	it("take a named context before a stage of that name", async () => {
		const text = `FROM debian:12 AS src\nFROM debian:12\nCOPY --from=SRC /x /\n`;
		const { plan } = await planText(text, { namedContexts: new Map([["src", undefined]]) });
		expect(requestOf(plan.stages.at(-1)?.steps[0]).origins).toEqual([
			{ kind: "named-context", name: "src", paths: ["/x"] },
		]);
		expect(plan.stages).toHaveLength(1);
	});

	it("take the image that a named context stands for, in FROM too; a folder does not boot", async () => {
		const namedContexts = new Map([
			["src", "debian:13"],
			["dir", undefined],
		]);
		const text = `FROM debian:12 AS src\nFROM src\nCOPY --from=src /x /\n`;
		const { plan } = await planText(text, { namedContexts });
		expect(plan.stages.map(({ root }) => root)).toEqual([expect.objectContaining({ kind: "base", ref: "debian:13" })]);
		expect(requestOf(plan.stages[0]?.steps[0]).origins).toEqual([{ kind: "image", ref: "debian:13", paths: ["/x"] }]);
		await expect(planText("FROM debian:12\nFROM dir\n", { namedContexts })).rejects.toMatchObject({
			code: "NODEFILE_INVALID",
			at: { line: 2 },
		});
	});

	it("know git addresses from URLs and paths", async () => {
		const sources = ["https://h/r.git", "https://h/r.git?ref=v1", "git@h:r", "https://h/r.git/x", "git-x", "a@b"];
		const text = `${FROM}${sources.map((source) => `ADD ${source} /\n`).join("")}`;
		const kinds = (await stepsOf(text)).map((step) => requestOf(step).origins[0]?.kind);
		expect(kinds).toEqual(["git", "git", "git", "url", "context", "context"]);
	});
});

describe("configuration", () => {
	it("ENTRYPOINT drops a CMD that is inherited, not one of the same stage", async () => {
		const stage = `FROM debian:12 AS a\nCMD ["inherited"]\nFROM a\n`;
		expect((await configOf(`${stage}ENTRYPOINT ["e"]\n`)).cmd).toBeUndefined();
		expect((await configOf(`${stage}CMD ["own"]\nENTRYPOINT ["e"]\n`)).cmd).toEqual({ form: "exec", argv: ["own"] });
	});

	it("has no command where an empty list was given", async () => {
		const config = await configOf(`FROM library/app:1\nENTRYPOINT ["e"]\nENTRYPOINT []\nCMD []\n`);
		expect([config.entrypoint, config.cmd]).toEqual([undefined, undefined]);
	});

	it("keeps the trailing slash of WORKDIR, and makes no directory for /", async () => {
		expect((await configOf(`${FROM}WORKDIR /a/\n`)).workdir).toBe("/a/");
		const steps = await stepsOf(`${FROM}WORKDIR /\nUSER u:g\nWORKDIR x/../y/\n`);
		expect(steps.map(({ effects }) => effects)).toEqual([[], [], [{ kind: "mkdir", path: "/y", user: "u:g" }]]);
	});

	it("sorts and joins ports and volumes", async () => {
		const config = await configOf(`${FROM}ENV P="90 80/UDP"\nEXPOSE $P\nEXPOSE 80-81\nVOLUME /b /a\nVOLUME /a\n`);
		expect(config.exposed).toEqual(["80/tcp", "80/udp", "81/tcp", "90/tcp"]);
		expect(config.volumes).toEqual(["/a", "/b"]);
	});

	it("of a base is inherited, and its triggers run first and once", async () => {
		const { plan } = await planText("FROM library/app:1 AS a\nRUN own\nFROM a\nRUN more\n");
		const [first, second] = plan.stages;
		expect(first?.steps.map(({ title, at }) => [title, at.line])).toEqual([
			["COPY . /srv/app", 1],
			["RUN make yes", 1],
			["RUN own", 2],
		]);
		expect(second?.steps.map(({ title }) => title)).toEqual(["RUN more"]);
		expect(second?.config).toMatchObject({ user: "app", workdir: "/srv", onbuild: [], labels: { origin: "base" } });
	});

	it("of scratch has a PATH and nothing else", async () => {
		expect(await configOf("FROM scratch\n")).toMatchObject({ env: [["PATH", PATH]], workdir: "/", user: "" });
	});
});

describe("stages", () => {
	it("are planned only where the target needs them", async () => {
		const text = `FROM debian:12 AS a\nFROM unknown:1 AS b\nFROM a AS c\nRUN --mount=from=a,target=/a x\nFROM b AS d\n`;
		const { plan } = await planText(text, { target: "C" });
		expect(plan.stages.map(({ index, needs }) => [index, needs])).toEqual([
			[0, []],
			[2, [0]],
		]);
		expect(plan.target).toBe(2);
	});

	it("share a base that is asked for once", async () => {
		const asked: string[] = [];
		await planText("FROM debian:12 AS a\nFROM debian:12\nCOPY --from=a /x /\n", {}, { asked });
		expect(asked).toEqual(["base debian:12 linux/amd64"]);
	});

	it("have triggers that bring stages in", async () => {
		const text = `FROM debian:12 AS src\nFROM debian:12 AS base\nONBUILD COPY --from=src /x /\nFROM base\n`;
		const { plan } = await planText(text);
		expect(plan.stages.map(({ index, needs }) => [index, needs])).toEqual([
			[0, []],
			[1, []],
			[2, [0, 1]],
		]);
	});

	it("may be redefined: the later one is meant from there on, and by --from everywhere", async () => {
		const text = `FROM debian:12 AS a\nFROM debian:13 AS a\nFROM a\nCOPY --from=a /x /\n`;
		const { plan } = await planText(text);
		expect(plan.stages.map(({ index }) => index)).toEqual([1, 2]);
	});

	it("fail at the FROM whose base is not known", async () => {
		const error = await failureOf("FROM debian:12\nFROM unknown:1\n");
		expect(error).toMatchObject({ code: "BASE_UNKNOWN", at: { line: 2, column: 6 } });
	});
});
