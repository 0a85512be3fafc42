/** Several stages: what is copied from one to another, which of them are built, and what stands in the way. */
import { randomUUID } from "node:crypto";
import { symlink } from "node:fs/promises";
import { expect, test } from "vitest";
import { BASE } from "./support/base.ts";
import { booted, build, outputOf, tryBuild } from "./support/build.ts";
import { nodebuild } from "./support/command.ts";
import { makeProject } from "./support/project.ts";

/** All that a stage gives: files of every kind, and two ways that lead to them. */
const MAKE = [
	"mkdir -p /out/sub/deep /out/empty",
	"echo a > /out/a; ln /out/a /out/sub/hard; ln -s /out/a /out/absolute; ln -s ../a /out/sub/relative",
	"cp /bin/true /out/tool; setcap cap_net_raw+ep /out/tool",
	"echo s > /out/setuid; chmod 4755 /out/setuid",
	"mkfifo /out/pipe; truncate -s 5M /out/holes; echo > '/out/a blank'",
	"echo deep > /out/sub/deep/file; chown 65:66 /out/sub; chmod 2770 /out/sub",
	"ln -s /out/sub /way; touch -d @1485449953.5 /out/a",
].join("; ");

const SOURCES = `FROM scratch AS files
WORKDIR /srv/data
COPY --chown=7:8 --chmod=640 one.txt .
COPY tree /tree/
COPY <<X note
hello
X
COPY --from=extra named.txt /srv/

FROM ${BASE} AS source
ENV RUN_ID=${randomUUID()}
RUN ${MAKE}

FROM ${BASE} AS unused
RUN exit 1

FROM source AS Derived
RUN echo derived > /out/derived

FROM ${BASE} AS beside
RUN echo beside > /beside

FROM ${BASE} AS target
RUN useradd -u 4000 worker; mkdir -p /old/sub /clash/sub/hard; touch /old/sub/keep; ln -s /old /oldlink; chmod 700 /old/sub
`;

const COPIES = `COPY --from=source /out /copied
COPY --from=SOURCE /out/a /way/deep/f* /out/a?[a-z]* /files/
COPY --from=1 /out/absolute renamed
COPY --from=derived --chown=worker --chmod=u=rwX,go=r /out/derived /way /owned/
COPY --from=source --exclude=sub/deep --exclude=[^s]* /out /filtered
COPY --from=source --parents /out/./sub/deep /out/s*/rel* /parents/
COPY --from=files / /whole/
COPY --from=files /tree/x /srv/data/note <<Y /mixed/
inline
Y
COPY --from=source /out/sub /oldlink/sub
COPY --from=other /etc/debian_version /base/
COPY --from=beside /beside /base/
RUN : list; cd / && find copied files renamed owned filtered parents whole mixed old base -printf '%p %y %m %U:%G %n %l:\\n' | sort
RUN : facts; stat -c %.1Y /copied/a; du -k /copied/holes | cut -f1; getcap /copied/tool; cat /mixed/Y; lsblk -no NAME | grep -c sd; mount | grep -c sources; true
`;

/** Path, type, mode, owner, names of the inode, what a link says. */
const LIST = [
	"base d 755 0:0 2 :",
	"base/beside f 644 0:0 1 :",
	"base/debian_version f 644 0:0 1 :",
	"copied d 755 0:0 4 :",
	"copied/a blank f 644 0:0 1 :",
	"copied/a f 644 0:0 2 :",
	"copied/absolute l 777 0:0 1 /out/a:",
	"copied/empty d 755 0:0 2 :",
	"copied/holes f 644 0:0 1 :",
	"copied/pipe p 644 0:0 1 :",
	"copied/setuid f 4755 0:0 1 :",
	"copied/sub d 2770 65:66 3 :",
	"copied/sub/deep d 755 0:0 2 :",
	"copied/sub/deep/file f 644 0:0 1 :",
	"copied/sub/hard f 644 0:0 2 :",
	"copied/sub/relative l 777 0:0 1 ../a:",
	"copied/tool f 755 0:0 1 :",
	"files d 755 0:0 2 :",
	"files/a blank f 644 0:0 1 :",
	"files/a f 644 0:0 1 :",
	"files/absolute f 644 0:0 1 :",
	"files/file f 644 0:0 1 :",
	"filtered d 755 0:0 3 :",
	"filtered/setuid f 4755 0:0 1 :",
	"filtered/sub d 2770 65:66 2 :",
	"filtered/sub/hard f 644 0:0 1 :",
	"filtered/sub/relative l 777 0:0 1 ../a:",
	"mixed d 755 0:0 2 :",
	"mixed/Y f 644 0:0 1 :",
	"mixed/note f 644 0:0 1 :",
	"mixed/x f 644 0:0 1 :",
	"old d 755 0:0 3 :",
	"old/sub d 700 0:0 3 :",
	"old/sub/deep d 755 0:0 2 :",
	"old/sub/deep/file f 644 0:0 1 :",
	"old/sub/hard f 644 0:0 1 :",
	"old/sub/keep f 644 0:0 1 :",
	"old/sub/relative l 777 0:0 1 ../a:",
	"owned d 755 4000:4000 3 :",
	"owned/deep d 744 4000:4000 2 :",
	"owned/deep/file f 644 4000:4000 1 :",
	"owned/derived f 644 4000:4000 1 :",
	"owned/hard f 644 4000:4000 1 :",
	"owned/relative l 777 4000:4000 1 ../a:",
	"parents d 755 0:0 4 :",
	"parents/out d 755 0:0 3 :",
	"parents/out/sub d 2770 65:66 2 :",
	"parents/out/sub/relative l 777 0:0 1 ../a:",
	"parents/sub d 2770 65:66 3 :",
	"parents/sub/deep d 755 0:0 2 :",
	"parents/sub/deep/file f 644 0:0 1 :",
	"renamed f 644 0:0 1 :",
	"whole d 755 0:0 4 :",
	"whole/srv d 755 0:0 3 :",
	"whole/srv/data d 755 0:0 2 :",
	"whole/srv/data/note f 644 0:0 1 :",
	"whole/srv/data/one.txt f 640 7:8 1 :",
	"whole/srv/named.txt f 644 0:0 1 :",
	"whole/tree d 755 0:0 3 :",
	"whole/tree/d d 755 0:0 2 :",
	"whole/tree/d/e f 644 0:0 1 :",
	"whole/tree/link l 777 0:0 1 x:",
	"whole/tree/x f 644 0:0 1 :",
];

test("files of stages, bases, contexts and of stages that are only files are copied as they are", async () => {
	const project = await makeProject(`${SOURCES}${COPIES}`, { "one.txt": "one\n", "tree/x": "x\n", "tree/d/e": "e\n" });
	await symlink("x", project.path("tree/link"));
	const extra = await makeProject("", { "named.txt": "named\n" });
	const contexts = ["--build-context", `extra=${extra.folder}`, "--build-context", `other=${BASE}`];
	const args = ["-f", project.nodefile, "--live", "auto", ...contexts];
	const planned = await nodebuild(["plan", "-f", project.nodefile, ...contexts]);
	expect(planned.stdout).toMatch(/^ +source +run /m);
	expect(planned.stdout).not.toContain("RUN exit 1");

	const done = await build(args);
	expect(outputOf(done, ": list;").trimEnd().split("\n").sort()).toEqual([...LIST].sort());
	expect(outputOf(done, ": facts;").trimEnd().split("\n")).toEqual([
		"1485449953.5",
		"0",
		"/copied/tool cap_net_raw=ep",
		"inline",
		"0",
		"0",
	]);
	expect(done.ran).not.toContain("RUN exit 1");
	expect(booted(await build(args))).toBe(false);

	// Only the target's own steps run: what they copy from is there.
	await project.write("Nodefile", `${SOURCES}COPY --from=source /out/subs /x\n`);
	const missing = await tryBuild(args);
	expect([missing.status, missing.ran]).toEqual([3, ["COPY --from=source /out/subs /x"]]);
	expect(missing.stderr).toContain('failed to find a COPY source in stage "source": "/out/subs": not found');
	expect(missing.stderr).toContain("did you mean out/sub?");
	expect(missing.stderr).toContain("Nodefile:25:");

	await project.write("Nodefile", `${SOURCES}COPY --from=source /out/sub /clash/sub\n`);
	const clash = await tryBuild(args);
	expect(clash.status).toBe(5);
	expect(clash.stderr).toContain("cannot replace to directory /clash/sub/hard with file");
});
