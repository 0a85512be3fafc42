/** The real backend: every function loads what it needs when it is called. */
import type { OpenOptions, Store } from "../layers/store.ts";
import type { Backend } from "./backend.ts";

async function withStore<T>(home: string, work: (store: Store) => Promise<T>, options?: OpenOptions): Promise<T> {
	const { openStore } = await import("../layers/store.ts");
	const store = await openStore(home, options);
	try {
		return await work(store);
	} finally {
		await store.close();
	}
}

export const modules: Backend = {
	build: async (options) => (await import("../build/build.ts")).build(options),
	explain: async (options) => (await import("../build/explain.ts")).explain(options),
	lint: async (options) => (await import("../build/lint.ts")).lint(options),
	shell: async (options) => (await import("../build/run.ts")).openShell(options),
	run: async (options) => (await import("../build/run.ts")).runImage(options),
	verify: async (options) => (await import("../build/verify.ts")).verifyImage(options),
	images: (home) => withStore(home, (store) => store.images.list(), { look: true }),
	image: (home, name) =>
		withStore(
			home,
			async ({ images }) => {
				const image = await images.look(name);
				return { ...image, written: await images.written(image) };
			},
			{ look: true },
		),
	remove: (home, name, force) => withStore(home, (store) => store.images.remove(name, { force })),
	tag: (home, source, target) =>
		withStore(home, async ({ images }) => images.tag((await images.get(source)).id, target)),
	prune: (home, policy) =>
		withStore(home, (store) => store.prune(policy), { look: policy.dryRun === true, keepLeftovers: true }),
	bases: async (options) => (await import("../bases/index.ts")).listBases(options),
	buildBase: ({ ref, ...options }) =>
		withStore(options.home, async (store) => {
			const { buildBase } = await import("../bases/index.ts");
			const { baseOptions } = await import("../build/roots.ts");
			// A relative path is taken from the current folder, as beside a Nodefile there.
			return buildBase(ref, await baseOptions({ ...options, nodefile: "Nodefile" }, store));
		}),
	warmBase: async (options) => (await import("../build/warm.ts")).warmBase(options),
	doctor: async (home, signal) => {
		const { examine, hostFacts } = await import("./doctor.ts");
		return examine(hostFacts(), home, signal);
	},
};
