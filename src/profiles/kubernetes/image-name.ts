/** References of container images, by the grammar of distribution/reference. Pure. */

const HOST = /^[a-zA-Z0-9][a-zA-Z0-9.-]*(?::\d+)?$/;
const PART = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /@sha256:[0-9a-f]{64}$/;

/** [HOST[:PORT]/]PATH[:TAG][@DIGEST] */
export function isImage(reference: string): boolean {
	const text = reference.replace(DIGEST, "");
	const colon = text.lastIndexOf(":");
	const tagged = colon > text.lastIndexOf("/");
	if (tagged && !TAG.test(text.slice(colon + 1))) return false;
	const [first = "", ...rest] = (tagged ? text.slice(0, colon) : text).split("/");
	return rest.every((part) => PART.test(part)) && (PART.test(first) || (rest.length > 0 && HOST.test(first)));
}
