/** RUN --mount on one machine: what a command sees, what is left of it, and what the next build finds. */
import { execFile, spawn } from "node:child_process";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { BASE_PREFIX } from "./support/base.ts";
import { build, outputOf, type SuccessfulBuild, tryBuild } from "./support/build.ts";
import { makeProject, type Project } from "./support/project.ts";
import { leftovers, privateStore } from "./support/store.ts";

const run = promisify(execFile);

const SECRET = `s3cret-${randomUUID()}`;
const MARKER = `marker-${randomUUID()}`;

/** Most steps begin with a name, `: name;`, by which their output is found. */
const STEPS = `RUN echo ${MARKER} > /marker
RUN --mount=type=tmpfs,target=/scratch,size=16m : tmpfs; touch /scratch/x; df -k /scratch | tail -1; (sleep 3000 &)
RUN --mount=type=bind,source=src,target=/src --mount=type=bind,source=src/a,target=/etc/a \
    --mount=type=cache,target=/src/modules : bind; cat /src/a /etc/a; touch /src/modules/m; touch /src/b || echo read-only
RUN --mount=type=bind,target=/all,rw : changes; rm /all/src/a; echo new > /all/new; ls /all
RUN --mount=type=cache,target=/var/cache/things,mode=0750,uid=33 : cache; stat -c '%a %u %g' /var/cache/things; ls -A /var/cache/things
RUN --mount=type=cache,target=/var/cache/things echo other > /var/cache/things/other
RUN --mount=type=cache,id=/var/cache/things,target=/elsewhere,ro : found; cat /elsewhere/other; echo no > /elsewhere/other || echo read-only
RUN --mount=type=secret,id=token,required=true --mount=type=secret,id=token,env=TOKEN \
    --mount=type=secret,id=token,target=/opt/token,mode=0440,uid=33 --mount=type=secret,id=none,env=NONE \
    : secret; sha256sum < /run/secrets/token; printf %s "§TOKEN" | sha256sum; stat -c '%a %u' /run/secrets/token /opt/token; \
    echo "none: '§{NONE-unset}'"; ls /run/secrets; cat /proc/*/cmdline | tr '\\0' ' ' | grep -c 's3[c]ret-' ; echo later > /var/later
USER www-data
RUN --mount=type=ssh,uid=33,required=true : agent; echo "§SSH_AUTH_SOCK"; ssh-add -l
USER root
RUN : left; ls -d /scratch /src /all /etc/a /elsewhere /opt/token /run/secrets /run/buildkit /var/cache/things 2>/dev/null; \
    ls /dev | grep agent; pgrep -f 'sleep 300[0]'; ls /sys/class/scsi_disk | wc -l
`.replaceAll("§", "$");

/** Which of the texts are anywhere in a folder's files; tar leaves out their holes, of which some have many. */
async function namesIn(folder: string, texts: readonly string[]): Promise<readonly string[]> {
	const tar = spawn("tar", ["-C", folder, "-Scf", "-", "."], { stdio: ["ignore", "pipe", "ignore"] });
	const found = new Set<string>();
	let tail = Buffer.alloc(0);
	for await (const chunk of tar.stdout) {
		const data = Buffer.concat([tail, chunk]);
		for (const text of texts) if (data.includes(text)) found.add(text);
		tail = data.subarray(-100);
	}
	return texts.filter((text) => found.has(text));
}

let project: Project;
let args: readonly string[];
let home: string;
let done: SuccessfulBuild;

beforeAll(async () => {
	const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs1", format: "pem" });
	project = await makeProject(`${BASE_PREFIX}${STEPS}`, { "src/a": "from the context\n", secret: SECRET, key });
	home = await privateStore();
	const given = ["--secret", `id=token,src=${project.path("secret")}`, "--ssh", `default=${project.path("key")}`];
	args = ["-f", project.nodefile, "--live", "always", ...given];
	await project.write(".dockerignore", "secret\nkey\n");
	done = await build(args, { home });
});

const said = (name: string): string => outputOf(done, `: ${name};`);

describe("a command's mounts", () => {
	it("are memory of the size that was asked for", () => expect(said("tmpfs")).toMatch(/^tmpfs +16384 /));

	it("are files of the context, read-only, with other mounts in them", () =>
		expect(said("bind")).toBe("from the context\nfrom the context\nread-only\n"));

	it("are files of the context that may be changed, for this command", () =>
		expect(said("changes")).toBe("Nodefile\nnew\nsrc\n"));

	it("are caches, found again by their id; another owner is another cache", () => {
		expect(said("cache")).toBe("750 33 0\n");
		expect(said("found")).toBe("other\nread-only\n");
	});

	it("are secrets as files and variables, and in no argument list", async () => {
		const sum = (await run("sha256sum", [project.path("secret")])).stdout.slice(0, 64);
		expect(said("secret")).toBe(`${sum}  -\n${sum}  -\n400 0\n440 33\nnone: ''\ntoken\n0\n`);
	});

	it("are an agent with the keys that were given", () =>
		expect(said("agent")).toMatch(/^\/run\/buildkit\/ssh_agent\.0\n2048 SHA256:\S+ .*\(RSA\)\n$/));

	it("are gone with it: targets, sockets, disks, processes", () => expect(said("left")).toBe("0\n"));
});

it("no byte of a secret is in the store, live states included, though they were always taken", async () => {
	expect(await namesIn(home, [MARKER, SECRET])).toEqual([MARKER]);
	expect((await run("find", [`${home}/layers`, "-name", "devices"])).stdout).not.toBe("");
	expect(await leftovers(home)).toEqual([]);
});

it("a later build finds the caches", async () => {
	await project.write(
		"Nodefile",
		`${BASE_PREFIX}RUN --mount=type=cache,target=/var/cache/things : again; cat /var/cache/things/other`,
	);
	const again = await build(args, { home });
	expect(outputOf(again, ": again;")).toBe("other\n");
});

it("what is required and missing is said before a machine is started, at its line", async () => {
	await project.write("Nodefile", `${BASE_PREFIX}RUN --mount=type=secret,id=other,required=true true`);
	const refused = await tryBuild(args, { home });
	expect(refused.status).toBe(2);
	expect(refused.tasks).toEqual([]);
	expect(refused.stderr).toContain('the secret "other" is required, and was not given');
	expect(refused.stderr).toContain("Nodefile:2");
});
