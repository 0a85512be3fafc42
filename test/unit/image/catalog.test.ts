import { expect, test } from "vitest";
import { digestOf } from "../../../src/digest.ts";
import { catalogEntry } from "../../../src/image/catalog.ts";
import type { Image } from "../../../src/layers/types.ts";
import { EMPTY_CONFIG } from "../../../src/plan/types.ts";

const id = digestOf("image");
const image: Image = {
	version: 1,
	id,
	key: id,
	layer: id,
	base: id,
	baseRef: "./Nodefile.node",
	family: "debian",
	architecture: "amd64",
	config: {
		...EMPTY_CONFIG,
		labels: {
			"io.nodebuild.purpose": "Kubernetes Worker",
			"io.nodebuild.version.kubernetes": "1.34.2",
			"io.nodebuild.version.cilium": "1.18.4",
			"org.opencontainers.image.title": "A Kubernetes worker",
		},
	},
	created: "2026-11-21T00:00:00.000Z",
	size: 5,
	virtualSize: 40 * 2 ** 30,
	history: [],
	contents: { "kubernetes/images": ["registry.k8s.io/pause:3.10.1 sha256:aa"], "kubernetes/role": ["worker"] },
	disk: "/store/disk.qcow2",
	tags: ["worker:1.34.2"],
};

test("a catalog's entry has what a platform asks for", () => {
	const file = { path: "worker.qcow2", size: 7, checksum: id };
	expect(catalogEntry(image, file)).toEqual({
		name: "worker:1.34.2",
		purpose: "Kubernetes Worker",
		versions: { kubernetes: "1.34.2", cilium: "1.18.4" },
		images: { "registry.k8s.io/pause:3.10.1": "sha256:aa" },
		architecture: "amd64",
		family: "debian",
		diskSize: 42949672960,
		file,
		defaultInterface: "virtio",
		cloudInit: true,
		created: "2026-11-21T00:00:00.000Z",
		id,
	});
});

test("an image without labels and tags still has an entry", () => {
	const { contents: _, ...bare } = image;
	const plain = { ...bare, tags: [], config: { ...EMPTY_CONFIG, labels: { "io.nodebuild.interface": "scsi" } } };
	expect(catalogEntry(plain)).toMatchObject({
		name: id.slice(7, 19),
		purpose: "",
		versions: {},
		defaultInterface: "scsi",
	});
});
