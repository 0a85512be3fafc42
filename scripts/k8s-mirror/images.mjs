/** OCI images of one layer each, pushed to a registry on loopback. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

/** @param {Buffer} data */
const digestOf = (data) => `sha256:${createHash("sha256").update(data).digest("hex")}`;

/** The same bytes for the same files. @param {string} tree */
const tarOf = (tree) =>
	execFileSync(
		"tar",
		["-c", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-C", tree, "."],
		{
			maxBuffer: 2 ** 30,
		},
	);

/** @param {string} registry @param {string} repository @param {Buffer} data */
async function putBlob(registry, repository, data) {
	const digest = digestOf(data);
	const known = await fetch(`${registry}/v2/${repository}/blobs/${digest}`, { method: "HEAD" });
	if (known.ok) return digest;
	const begun = await fetch(`${registry}/v2/${repository}/blobs/uploads/`, { method: "POST" });
	const location = new URL(begun.headers.get("location") ?? "", registry);
	location.searchParams.set("digest", digest);
	const headers = { "content-type": "application/octet-stream" };
	const put = await fetch(location, { method: "PUT", headers, body: new Uint8Array(data) });
	if (!put.ok) throw new Error(`${repository}: ${put.status} ${await put.text()}`);
	return digest;
}

/** @param {Buffer} tar its only layer @param {string} program */
const configOf = (tar, program) =>
	Buffer.from(
		JSON.stringify({
			architecture: "amd64",
			os: "linux",
			config: { Entrypoint: [program], Env: ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] },
			rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
		}),
	);

/**
 * An archive as `docker save` writes it.
 * @param {string} file @param {{ name: string, tree: string, program: string }} image `name`: with its tag
 */
export function writeArchive(file, { name, tree, program }) {
	const folder = `${file}.d`;
	mkdirSync(folder, { recursive: true });
	const tar = tarOf(tree);
	writeFileSync(`${folder}/layer.tar`, tar);
	writeFileSync(`${folder}/config.json`, configOf(tar, program));
	const manifest = [{ Config: "config.json", RepoTags: [name], Layers: ["layer.tar"] }];
	writeFileSync(`${folder}/manifest.json`, JSON.stringify(manifest));
	execFileSync("tar", ["-cf", file, "-C", folder, "manifest.json", "config.json", "layer.tar"]);
	rmSync(folder, { recursive: true });
}

/**
 * @param {string} registry "http://127.0.0.1:5000"
 * @param {{ repository: string, tag: string, tree: string, program: string }} image `tree`: folder with the image's files;
 *   `program`: what it runs, a path in it
 */
export async function pushImage(registry, { repository, tag, tree, program }) {
	const tar = tarOf(tree);
	const layer = gzipSync(tar, { level: 1 });
	const config = configOf(tar, program);
	const manifest = {
		schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: {
			mediaType: "application/vnd.oci.image.config.v1+json",
			digest: await putBlob(registry, repository, config),
			size: config.length,
		},
		layers: [
			{
				mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
				digest: await putBlob(registry, repository, layer),
				size: layer.length,
			},
		],
	};
	const put = await fetch(`${registry}/v2/${repository}/manifests/${tag}`, {
		method: "PUT",
		headers: { "content-type": manifest.mediaType },
		body: JSON.stringify(manifest),
	});
	if (!put.ok) throw new Error(`${repository}:${tag}: ${put.status} ${await put.text()}`);
}
