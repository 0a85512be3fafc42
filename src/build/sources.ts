/** What COPY --from and RUN --mount=from name, mounted in a machine. */
import { NodebuildError } from "../errors.ts";
import { run } from "../system/process.ts";
import { inAccess } from "./access.ts";
import { chainOf, nameOf, stageOf } from "./chain.ts";
import { treeDestination } from "./destination.ts";
import { executeStep } from "./execute.ts";
import {
	attachFile,
	disposeAfter,
	type DiskOrigin,
	type MountedSource,
	mountAttached,
	mountSource,
	type Where,
} from "./mount-source.ts";
import type { StageContext } from "./stage-context.ts";

/** @throws NodebuildError COPY_FAILED when its file system cannot be mounted, and whatever laying out files throws. */
export async function openSource(origin: DiskOrigin, where: Where, context: StageContext): Promise<MountedSource> {
	const { plan, roots } = context.prepared;
	if (origin.kind === "image") {
		const root = roots.get(origin.ref);
		if (root !== undefined) return mountSource({ ...root, what: origin.ref }, where);
		throw new NodebuildError({ code: "INTERNAL", message: `${origin.ref} was not resolved` });
	}
	const chain = chainOf(plan, origin.stage);
	const what = nameOf(stageOf(plan, origin.stage));
	if (chain.root.kind === "scratch") return layOut(origin.stage, where, context);
	const layer = await context.store.layers.find(chain.lastKey);
	if (layer === undefined)
		throw new NodebuildError({
			code: "STORE_INVALID",
			message: `the layers of ${what} are not in the store any more`,
			hint: "run the build again: it makes them anew",
		});
	return mountSource({ what, disk: layer.disk, virtualSize: layer.virtualSize }, where);
}

/** A stage FROM scratch: its files on a disk that is made for the occasion, and thrown away. */
async function layOut(stage: number, where: Where, context: StageContext): Promise<MountedSource> {
	const { options, prepared, told } = context;
	const { guest } = where.machine;
	const what = nameOf(stageOf(prepared.plan, stage));
	const attached = await attachFile(where, "raw", (file) => makeFileSystem(file, prepared.diskSize));
	const mounted = await mountAttached(attached, what, where, (device, path) => `mount -t ext4 ${device} ${path}`);
	try {
		await inAccess(guest).script(`rmdir ${mounted.path}/lost+found\n`);
		for (const step of chainOf(prepared.plan, stage).steps) {
			const first = !told.has(step);
			told.add(step);
			const begun = performance.now();
			if (first) options.emit({ type: "step-start", step });
			await executeStep(step, {
				guest,
				destination: treeDestination(guest, mounted.path),
				signal: options.signal,
				onOutput: () => undefined,
				onWarning: (message) => options.emit({ type: "warning", message, at: step.at }),
				copyOf: (request) => prepared.copyOf(request),
				openSource: (origin) => openSource(origin, where, context),
				withMounts: (_mounts, run) => run({}),
				runRoles: () => Promise.reject(new NodebuildError({ code: "INTERNAL", message: "roles without a machine" })),
			});
			const milliseconds = Math.round(performance.now() - begun);
			if (first) options.emit({ type: "step-done", step, milliseconds, freezeMilliseconds: 0 });
		}
		await inAccess(guest).script(`mount -o remount,ro ${mounted.path}\n`);
		return mounted;
	} catch (error) {
		await disposeAfter(mounted);
		throw error;
	}
}

/** Sparse: what is not written takes no space. Without a journal, since nobody will look at it after a crash. */
async function makeFileSystem(file: string, size: number): Promise<void> {
	const features = ["-O", "^has_journal", "-E", "root_owner=0:0,lazy_itable_init=1,nodiscard", "-m", "0"];
	const args = ["-q", "-F", "-t", "ext4", ...features, file, `${Math.floor(size / 1024)}k`];
	const { status, stderr } = await run("mke2fs", args, { package: "e2fsprogs" });
	if (status === 0) return;
	throw new NodebuildError({
		code: "HOST_DISK_FULL",
		message: `the disk of a stage that is only files could not be made: mke2fs ended with status ${status}`,
		details: stderr.split("\n"),
		hint: "is there room in the folder of the store?",
	});
}
