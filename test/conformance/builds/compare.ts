/** What a build made against what BuildKit made of the same. */
import { isDeepStrictEqual } from "node:util";
import type { CommandForm, Healthcheck } from "../../../src/instructions/types.ts";
import type { ImageConfig } from "../../../src/plan/types.ts";
import type { RecordedConfig, RecordedEntry } from "./cases.ts";
import type { Difference, Tree } from "./tree.ts";

/** Files whose content follows from the base's accounts: Docker's base lacks those of cloud-init, sshd and systemd. */
const ACCOUNTS = /^etc\/(passwd|group|shadow|gshadow)$/;

/** Their backups differ or not as the packages of the base have last touched them. */
const BACKUPS = /^etc\/(passwd|group|shadow|gshadow|subuid|subgid)-$/;

/** For the same reason a copy of these files, known by the digest in Docker's base, is to be one of the machine's own. */
const BASE_FILES: Readonly<Record<string, string>> = {
	"21352194cc533bc5": "etc/passwd",
	eec30745bade42a3: "etc/nsswitch.conf",
};

/** File systems of their own on a machine, in memory: nothing in them comes into an image. */
const IN_MEMORY = /^(dev|proc|run|sys)\//;

/** Lines that say what differs; none when all is as recorded. */
export function compareTrees(
	{ changed, removed }: Difference,
	expected: Readonly<Record<string, RecordedEntry>>,
	expectedRemoved: readonly string[],
	base: Tree,
): readonly string[] {
	const lines: string[] = [];
	for (const path of [...new Set([...changed.keys(), ...Object.keys(expected)])].sort()) {
		if (BACKUPS.test(path) || IN_MEMORY.test(path)) continue;
		const expectedEntry = describe(path, withOwnContent(expected[path], base));
		const got = describe(path, changed.get(path));
		if (expectedEntry !== got) lines.push(`/${path}: expected ${expectedEntry}, got ${got}`);
	}
	const wanted = expectedRemoved.filter((path) => !IN_MEMORY.test(path)).sort();
	if (!isDeepStrictEqual(removed, wanted))
		lines.push(`removed: expected ${wanted.join(" ") || "nothing"}, got ${removed.join(" ") || "nothing"}`);
	return lines;
}

function withOwnContent(entry: RecordedEntry | undefined, base: Tree): RecordedEntry | undefined {
	const own = base.get(BASE_FILES[entry?.h ?? ""] ?? "");
	return entry === undefined || own?.s === undefined || own.h === undefined ? entry : { ...entry, s: own.s, h: own.h };
}

function describe(path: string, entry: RecordedEntry | undefined): string {
	if (entry === undefined) return "absent or unchanged";
	const { t, m, u, g, s, h, l, n, x } = entry;
	const content = t === "f" && !ACCOUNTS.test(path) ? ` ${s} ${h}` : "";
	const links = t === "f" && n !== undefined ? ` links=${n}` : "";
	const attributes = x === undefined ? "" : ` ${JSON.stringify(x)}`;
	return `${t} ${m ?? ""} ${u}:${g}${content}${l === undefined ? "" : ` -> ${l}`}${links}${attributes}`;
}

/** Lines that say which fields differ. */
export function compareConfigs(config: ImageConfig, expected: RecordedConfig): readonly string[] {
	const got = recordedForm(config);
	const fields = [...new Set([...Object.keys(got), ...Object.keys(expected)])] as (keyof RecordedConfig)[];
	return fields
		.filter((field) => !isDeepStrictEqual(got[field], plain(field, expected[field])))
		.map((field) => `${field}: expected ${JSON.stringify(expected[field])}, got ${JSON.stringify(got[field])}`);
}

/** Docker's base has a command of its own, and a working directory of "/" is the same as none. */
function plain(field: keyof RecordedConfig, value: unknown): unknown {
	if (field === "Cmd" && isDeepStrictEqual(value, ["bash"])) return undefined;
	return field === "WorkingDir" && value === "/" ? undefined : value;
}

function recordedForm(config: ImageConfig): RecordedConfig {
	const { env, workdir, user, cmd, entrypoint, exposed, labels, volumes, stopSignal, shell, healthcheck, onbuild } =
		config;
	return {
		Env: env.map(([name, value]) => `${name}=${value}`),
		...(workdir === "/" ? {} : { WorkingDir: workdir }),
		...(user === "" ? {} : { User: user }),
		...(cmd === undefined ? {} : { Cmd: argvOf(cmd) }),
		...(entrypoint === undefined ? {} : { Entrypoint: argvOf(entrypoint) }),
		...(exposed.length === 0 ? {} : { ExposedPorts: [...exposed].sort() }),
		...(Object.keys(labels).length === 0 ? {} : { Labels: labels }),
		...(volumes.length === 0 ? {} : { Volumes: [...volumes].sort() }),
		...(stopSignal === undefined ? {} : { StopSignal: stopSignal }),
		...(shell === undefined ? {} : { Shell: shell }),
		...(healthcheck === undefined ? {} : { Healthcheck: { Test: testOf(healthcheck) } }),
		...(onbuild.length === 0 ? {} : { OnBuild: onbuild }),
	};
}

function argvOf(command: CommandForm): readonly string[] {
	return command.form === "exec" ? command.argv : ["/bin/sh", "-c", command.script];
}

function testOf(check: Healthcheck): readonly string[] {
	if (check.kind === "none") return ["NONE"];
	return check.command.form === "exec" ? ["CMD", ...check.command.argv] : ["CMD-SHELL", check.command.script];
}
