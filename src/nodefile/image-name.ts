/** Names of images by the grammar of github.com/distribution/reference: [HOST[:PORT]/]PATH[:TAG][@DIGEST]. Pure. */

export interface ImageName {
	/** With the registry's host, where it has one. */
	readonly name: string;
	readonly tag?: string;
	/** "sha256:…". */
	readonly digest?: string;
}

const HOST = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?$/;
const PART = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /@(sha256:[0-9a-f]{64})$/;
/** Characters; NameTotalLengthMax. */
const LONGEST = 255;

/** Undefined when `text` is no name of an image. */
export function parseImageName(text: string): ImageName | undefined {
	const digest = DIGEST.exec(text)?.[1];
	const undigested = digest === undefined ? text : text.slice(0, -digest.length - 1);
	const colon = undigested.lastIndexOf(":");
	const tagged = colon > undigested.lastIndexOf("/");
	const name = tagged ? undigested.slice(0, colon) : undigested;
	const tag = tagged ? undigested.slice(colon + 1) : undefined;
	if (!isName(name) || (tag !== undefined && !TAG.test(tag))) return undefined;
	return { name, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

function isName(name: string): boolean {
	const [first = "", ...rest] = name.split("/");
	// As docker has it: a first part without any of these belongs to the path.
	const host = rest.length > 0 && (/[.:A-Z]/.test(first) || first === "localhost") && HOST.test(first);
	return name.length <= LONGEST && (host ? rest : [first, ...rest]).every((part) => PART.test(part));
}
