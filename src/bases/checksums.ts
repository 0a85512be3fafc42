/** Checksum files as vendors publish them. Pure. */
import type { Pin } from "./resolve.ts";

const LENGTH = { sha256: 64, sha512: 128 } as const;
type Algorithm = keyof typeof LENGTH;

/**
 * The digest that a checksum file gives for `name`. Read are: GNU (`<digest>  name`, `<digest> *name`,
 * `<digest>  ./path/name`), BSD as Fedora and Rocky write it (`SHA256 (name) = <digest>`), the body of a
 * clear-signed file, and a file beside the image that holds nothing but one digest (Alpine).
 */
export function findChecksum(text: string, name: string, algorithm: Algorithm): Pin | undefined {
	const digits = LENGTH[algorithm];
	const gnu = new RegExp(`^\\\\?([0-9a-fA-F]{${digits}}) [ *](.+)$`);
	const bsd = new RegExp(`^${algorithm}\\s*\\((.+)\\)\\s*=\\s*([0-9a-fA-F]{${digits}})$`, "i");
	const bare = new RegExp(`^[0-9a-fA-F]{${digits}}$`);
	const lines = clearText(text)
		.split(/\r?\n/)
		.map((line) => line.trim())
		.filter((line) => line !== "" && !line.startsWith("#"));
	for (const line of lines) {
		const ofGnu = gnu.exec(line);
		if (ofGnu?.[1] !== undefined && baseName(ofGnu[2] ?? "") === name) return pin(algorithm, ofGnu[1]);
		const ofBsd = bsd.exec(line);
		if (ofBsd?.[2] !== undefined && baseName(ofBsd[1] ?? "") === name) return pin(algorithm, ofBsd[2]);
	}
	const [only] = lines;
	return lines.length === 1 && only !== undefined && bare.test(only) ? pin(algorithm, only) : undefined;
}

function pin(algorithm: Algorithm, hex: string): Pin {
	return { algorithm, hex: hex.toLowerCase() };
}

function baseName(path: string): string {
	return path.slice(path.lastIndexOf("/") + 1);
}

/** The signed part of a clear-signed text (RFC 9580, section 7), its dash escapes undone; other texts as they are. */
export function clearText(text: string): string {
	const signed =
		/^-----BEGIN PGP SIGNED MESSAGE-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n([\s\S]*?)\r?\n-----BEGIN PGP SIGNATURE-----/m;
	const body = signed.exec(text)?.[1];
	return body === undefined ? text : body.replace(/^- /gm, "");
}

/** Where checksum files are looked for beside an image that no map knows, best first. */
export function checksumCandidates(url: string): readonly { readonly url: string; readonly algorithm: Algorithm }[] {
	const at = new URL(url);
	at.search = "";
	at.hash = "";
	const beside = (name: string): string => new URL(name, at).href;
	const fedora = fedoraChecksum(decodeURIComponent(baseName(at.pathname)));
	return [
		...(fedora === undefined ? [] : [{ url: beside(fedora), algorithm: "sha256" } as const]),
		{ url: beside("SHA256SUMS"), algorithm: "sha256" },
		{ url: beside("SHA512SUMS"), algorithm: "sha512" },
		{ url: beside("sha256sum.txt"), algorithm: "sha256" },
		{ url: beside("CHECKSUM"), algorithm: "sha256" },
		{ url: `${at.href}.sha256`, algorithm: "sha256" },
		{ url: `${at.href}.SHA256SUM`, algorithm: "sha256" },
		{ url: `${at.href}.CHECKSUM`, algorithm: "sha256" },
		{ url: `${at.href}.sha512`, algorithm: "sha512" },
	];
}

/**
 * Fedora names its checksum file after the compose: `Fedora-Cloud-43-1.6-x86_64-CHECKSUM` lies beside
 * `Fedora-Cloud-Base-Generic-43-1.6.x86_64.qcow2` (until release 41 `Fedora-Cloud-Base-Generic.x86_64-40-1.14.qcow2`).
 */
function fedoraChecksum(image: string): string | undefined {
	const [, compose, one, oneArch, otherArch, other] =
		/^(Fedora-[A-Za-z]+)-.*?(?:-(\d+-[\d.]+)\.([a-z]\w+)|\.([a-z]\w+)-(\d+-[\d.]+?))\.\w+(?:\.xz)?$/.exec(image) ?? [];
	const release = one ?? other;
	const architecture = oneArch ?? otherArch;
	if (compose === undefined || release === undefined || architecture === undefined) return undefined;
	return `${compose}-${release}-${architecture}-CHECKSUM`;
}
