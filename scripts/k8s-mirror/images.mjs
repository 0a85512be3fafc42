/** OCI images of one static program each, pushed to a registry on loopback. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

/** @param {Buffer} data */
const digestOf = (data) => `sha256:${createHash("sha256").update(data).digest("hex")}`;

/** A tar archive with one file. @param {string} name @param {Buffer} content */
function tarOf(name, content) {
	const header = Buffer.alloc(512);
	header.write(name, 0);
	header.write("0000755\0", 100);
	header.write("0000000\0", 108);
	header.write("0000000\0", 116);
	header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
	header.write("00000000000\0", 136);
	header.write("        ", 148);
	header.write("0", 156);
	header.write("ustar\x0000", 257);
	const sum = header.reduce((total, byte) => total + byte, 0);
	header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
	return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512), Buffer.alloc(1024)]);
}

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

/**
 * @param {string} registry "http://127.0.0.1:5000"
 * @param {{ repository: string, tag: string, program: string | Buffer, path: string }} image `program`: a file or its content
 */
export async function pushImage(registry, { repository, tag, program, path }) {
	const content = typeof program === "string" ? readFileSync(program) : program;
	const tar = tarOf(path.slice(1), content);
	const layer = gzipSync(tar, { level: 1 });
	const config = Buffer.from(
		JSON.stringify({
			architecture: "amd64",
			os: "linux",
			config: { Entrypoint: [path], Env: ["PATH=/usr/local/bin:/usr/bin:/bin"] },
			rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
		}),
	);
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
