/**
 * What a base map may say: the names a FROM can use and where their disks come from.
 * Loads zod, so import it lazily; the types alone cost nothing at run time.
 */
import * as z from "zod";

/** Version of the format; a map with another version is refused. */
export const BASE_MAP_VERSION = 1;

const architecture = z.enum(["amd64", "arm64"]);
const address = z.string().regex(/^https?:\/\/\S+$/, "expected an http:// or https:// address");
const name = z
	.string()
	.regex(/^[a-z0-9]+(?:[._/-][a-z0-9]+)*:[A-Za-z0-9._-]+$/, 'expected name:version in lower case, as in "debian:12"');

const perArchitecture = <T extends z.ZodType>(value: T) => z.partialRecord(architecture, value);

const signature = z
	.strictObject({
		kind: z.enum(["detached", "clearsigned"]),
		url: address.optional().describe("Address of a detached signature; {arch} is filled in"),
		key: z.string().describe("Name of a key in this map's keys"),
	})
	.describe("Signature over the checksum file");

const checksum = z
	.strictObject({
		url: address.describe("Address of the checksum file; {arch} is filled in"),
		algorithm: z.enum(["sha256", "sha512"]),
		signature: signature.optional(),
	})
	.describe("File that lists the digest of the image: GNU or BSD style, or the bare digest");

const imageSource = z
	.strictObject({
		kind: z.literal("image"),
		url: z
			.union([address, perArchitecture(address)])
			.describe("Address of the disk image; {arch} becomes the vendor's name of the architecture"),
		checksum: checksum.optional(),
		digests: perArchitecture(
			z.union([z.string().regex(/^sha256:[0-9a-f]{64}$/), z.string().regex(/^sha512:[0-9a-f]{128}$/)]),
		)
			.optional()
			.describe("Digests of images that the vendor never changes under their address"),
	})
	.describe("A cloud image with cloud-init, as its vendor publishes it");

const bootstrapSource = z
	.strictObject({
		kind: z.literal("bootstrap"),
		distribution: z.enum(["debian", "ubuntu"]),
		suite: z.string().regex(/^[a-z]+$/),
		updates: z.array(z.string()).describe("Further suites of the main archive, taken where the mirror has them"),
		security: z.array(z.string()).describe("Suites of the security archive, taken where the mirror has them"),
		components: z.array(z.string()).min(1),
		packages: z.array(z.string()).min(1).describe("Packages beside the required ones and apt"),
		architecturePackages: perArchitecture(z.array(z.string())).describe("Kernel and boot loader"),
		mergeUsr: z.literal(true).optional().describe("Merge /usr although the release's packages do not ask for it"),
		keyrings: z.array(z.string()).min(1).describe("Keyring files on the host, the first that exists is used"),
	})
	.describe("An image built from packages with mmdebstrap, from the mirror that the host itself uses");

const nodefileSource = z
	.strictObject({
		kind: z.literal("nodefile"),
		path: z.string().min(1).describe("Path of the Nodefile, relative to the base map's folder"),
		context: z.string().min(1).optional().describe("Folder that its COPY takes files from; without it the Nodefile's"),
		target: z.string().min(1).optional().describe("Stage to build; without it the last"),
	})
	.describe("An image that nodebuild makes from a Nodefile, or takes from the store if nothing has changed");

const base = z.strictObject({
	title: z.string().describe("Name for people"),
	family: z.enum(["debian", "rhel", "suse", "alpine"]),
	defaultUser: z.string().optional().describe("User that the image's cloud-init makes unless told otherwise"),
	aliases: z.array(name).default([]).describe("Further names for the same base"),
	architectures: perArchitecture(z.string()).describe("Vendor's name of each architecture, put in place of {arch}"),
	sources: z
		.array(z.discriminatedUnion("kind", [imageSource, bootstrapSource, nodefileSource]))
		.refine((list) => list.length < 2 || list.every(({ kind }) => kind !== "nodefile"), {
			message: "a source of the kind nodefile has to be the only one: what it makes is no vendor's image",
		})
		.describe("Tried in this order; one of the kind nodefile is the only one"),
	unavailable: z.string().optional().describe("Said when there is no source: how to get the disk"),
});

const key = z.strictObject({
	fingerprints: z
		.array(z.string().regex(/^[0-9A-F]{40}$/))
		.min(1)
		.describe("Primary keys that may sign"),
	url: address.optional().describe("Where the vendor publishes the key; trusted by its fingerprint only"),
	keyrings: z.array(z.string()).default([]).describe("Files on a host that may hold the key"),
});

export const baseMapSchema = z
	.strictObject({
		$schema: z.string().optional(),
		version: z.literal(BASE_MAP_VERSION),
		keys: z.record(z.string(), key).default({}).describe("Keys that vendors sign with"),
		bases: z.record(name, base).describe("Bases by canonical name, name:version"),
	})
	.describe("nodebuild base map: what FROM names mean");

export type BaseMap = z.infer<typeof baseMapSchema>;
export type BaseEntry = z.infer<typeof base>;
export type ImageSource = z.infer<typeof imageSource>;
export type BootstrapSource = z.infer<typeof bootstrapSource>;
export type NodefileSource = z.infer<typeof nodefileSource>;
export type ChecksumFile = z.infer<typeof checksum>;
export type Signature = z.infer<typeof signature>;
export type VendorKey = z.infer<typeof key>;
export type Architecture = z.infer<typeof architecture>;
export type Family = BaseEntry["family"];

/** The JSON schema published as base-map.schema.json. */
export function baseMapJsonSchema(): unknown {
	return {
		...z.toJSONSchema(baseMapSchema, { io: "input", target: "draft-2020-12" }),
		title: "nodebuild base map",
	};
}
