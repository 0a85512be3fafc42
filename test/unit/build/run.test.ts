import { once } from "node:events";
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { runImage } from "../../../src/build/run.ts";
import type { BuildEvent } from "../../../src/events.ts";
import { openStore } from "../../../src/layers/store.ts";
import { addBase, addImage, addLayer } from "../layers/fixtures.ts";
import { tempDir } from "../system/child.ts";

test("a host port that is taken is said before anything boots", async () => {
	const home = await tempDir();
	{
		await using store = await openStore(home);
		const base = await addBase(store, "debian:12");
		const layer = await addLayer(store, base.digest, "RUN one");
		await addImage(store, layer, "web", ["web"]);
	}
	const server = createServer().listen(0, "127.0.0.1");
	onTestFinished(() => void server.close());
	await once(server, "listening");
	const address = server.address();
	const host = typeof address === "object" && address !== null ? address.port : 0;
	const events: BuildEvent[] = [];
	const running = runImage({
		home,
		image: "web",
		publish: [{ host, guest: 80, protocol: "tcp" }],
		publishAll: false,
		ssh: false,
		console: false,
		memory: 128,
		cpus: 1,
		signal: new AbortController().signal,
		emit: (event) => events.push(event),
	});
	await expect(running).rejects.toMatchObject({
		code: "USAGE",
		message: expect.stringContaining(`the host's port ${host} (TCP) is in use`),
	});
	expect(events).toEqual([]);
});
