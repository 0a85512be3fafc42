/** `nodebuild run` and `nodebuild shell`: throwaway machines to look at. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { NodebuildError } from "../errors.ts";
import { openStore, type Store } from "../layers/store.ts";
import type { Image, Layer } from "../layers/types.ts";
import type { Step } from "../plan/types.ts";
import { type HostPort, requireFreePorts } from "../system/ports.ts";
import { socketDir } from "../system/paths.ts";
import { parentMaker } from "./build.ts";
import { type Chain, chainOf } from "./chain.ts";
import { attachConsole } from "./console.ts";
import { checkHealth } from "./health.ts";
import { type Running, start, startAt } from "./machines.ts";
import { prepare } from "./prepare.ts";
import { rootResolver } from "./roots.ts";
import { findStart } from "./stage.ts";
import type { BuildOptions, MachineOptions } from "./types.ts";

export interface RunOptions extends MachineOptions {
	readonly image: string;
	readonly publish: readonly HostPort[];
	readonly publishAll: boolean;
	readonly ssh: boolean;
	readonly console: boolean;
	readonly command?: readonly string[];
}

const LOGIN_SHELL = ["/bin/sh", "-c", "exec $(command -v bash || echo sh) -l"];

/**
 * Boot a throwaway overlay of an image. Resolves with the exit status of the command or shell, or
 * with 0 when the machine powers itself off.
 */
export async function runImage(options: RunOptions): Promise<number> {
	await using store = await openStore(options.home);
	const image = await store.images.get(options.image);
	await requireFreePorts(options.publish);
	const exposed = options.publishAll
		? image.config.exposed
				.filter((port) => !port.endsWith("/sctp"))
				.map((port) => {
					const [number = "", protocol] = port.split("/");
					return { host: 0, guest: Number(number), protocol: protocol === "udp" ? "udp" : "tcp" } as const;
				})
		: [];
	const sockets = options.console ? await socketDir() : undefined;
	await using _sockets = { [Symbol.asyncDispose]: async () => removeFolder(sockets) };
	await using up = await start({
		store,
		disk: image.disk,
		virtualSize: image.virtualSize,
		spec: {
			memory: options.memory,
			cpus: options.cpus,
			forwards: [...options.publish, ...exposed],
			...(sockets === undefined ? {} : { consoleSocket: join(sockets, "console") }),
		},
		purpose: "run",
		firstBoot: true,
		title: `boot a throwaway copy of ${options.image}`,
		signal: options.signal,
		emit: options.emit,
	});
	for (const [port, host] of up.machine.ports)
		options.emit({ type: "info", message: `127.0.0.1:${host} is forwarded to port ${port} of the machine` });
	return await use(up, image, options);
}

async function removeFolder(path: string | undefined): Promise<void> {
	if (path !== undefined) await rm(path, { recursive: true, force: true });
}

async function use({ machine }: Running, { config }: Image, options: RunOptions): Promise<number> {
	if (options.command !== undefined && options.command.length > 0) {
		const { stdout, stderr } = process;
		const { env, workdir: cwd, user } = config;
		const { status } = await machine.guest.exec({
			argv: options.command,
			env,
			cwd,
			user,
			signal: options.signal,
			onStdout: (data) => stdout.write(data),
			onStderr: (data) => stderr.write(data),
		});
		return status;
	}
	if (options.ssh) return machine.guest.interactive({ argv: LOGIN_SHELL, signal: options.signal });
	if (options.console) return attachConsole(machine, options);
	options.emit({ type: "info", message: "the machine runs; Ctrl-C ends it" });
	const health = config.healthcheck?.kind === "command" ? config.healthcheck : undefined;
	if (health !== undefined)
		checkHealth(machine.guest, config, health, options.signal).then(
			({ passed, detail }) => options.emit({ type: "info", message: `${passed ? "healthy" : "unhealthy"}: ${detail}` }),
			// The machine was ended meanwhile.
			() => undefined,
		);
	await Promise.race([machine.gone, aborted(options.signal)]);
	return 0;
}

function aborted(signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		if (signal.aborted) resolve();
		else signal.addEventListener("abort", () => resolve(), { once: true });
	});
}

/** A shell in a throwaway machine of a step's layer; without `step`, of the deepest layer there is. */
export async function openShell(options: BuildOptions & { readonly step?: number | string }): Promise<number> {
	await using store = await openStore(options.home);
	const prepared = await prepare(
		{ ...options, noCache: false },
		store,
		rootResolver(options, store, parentMaker(options, store)),
	);
	const chain = chainOf(prepared.plan, prepared.plan.target);
	const { layer, step } = await layerFor(chain, options.step, store, options.nodefile);
	await using up = await startAt(layer, store, options);
	const config = step?.config;
	const command = step?.effects.find((effect) => effect.kind === "exec");
	return await up.machine.guest.interactive({
		argv: LOGIN_SHELL,
		signal: options.signal,
		...(config === undefined ? {} : { env: command?.env ?? config.env, cwd: config.workdir, user: config.user }),
	});
}

async function layerFor(
	chain: Chain,
	wanted: number | string | undefined,
	store: Store,
	nodefile: string,
): Promise<{ readonly layer: Layer; readonly step: Step | undefined }> {
	const step = wanted === undefined ? undefined : findStep(chain, wanted);
	const last = wanted === undefined ? chain.layered.length : chain.steps.indexOf(step ?? NONE) + 1;
	const steps = wanted === undefined ? chain.steps : chain.steps.slice(0, last);
	const layered = steps.filter(({ effects }) => effects.length > 0);
	const found = await findStart(store, { ...chain, steps, layered });
	const complete = wanted === undefined || found.done === layered.length;
	if (found.layer !== undefined && complete) return { layer: found.layer, step: step ?? layered[found.done - 1] };
	throw new NodebuildError({
		code: "IMAGE_NOT_FOUND",
		message: wanted === undefined ? "no step of this Nodefile is built yet" : `step ${wanted} is not built yet`,
		hint: `build it first: nodebuild -f ${nodefile}`,
	});
}

const NONE = {} as Step;

function findStep(chain: Chain, wanted: number | string): Step | undefined {
	if (wanted === 0) return undefined;
	const step =
		typeof wanted === "number"
			? chain.steps[wanted - 1]
			: chain.steps.find(({ title }) => title.toLowerCase().includes(wanted.toLowerCase()));
	if (step !== undefined) return step;
	throw new NodebuildError({
		code: "USAGE",
		message: `there is no step ${wanted}`,
		details: chain.steps.map(({ title }, index) => `${index + 1}  ${title}`),
		hint: "name a step by its number, or by a part of its text; 0 is the booted base",
	});
}
