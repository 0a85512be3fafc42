/** Platforms as "os/arch[/variant]", normalised as containerd/platforms does. */

export interface Platform {
	readonly os: string;
	readonly architecture: string;
	readonly variant: string;
}

const OS = ["linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "android", "wasip1", "js"];
const ARCHITECTURES: Readonly<Record<string, readonly [architecture: string, variant: string]>> = {
	amd64: ["amd64", ""],
	x86_64: ["amd64", ""],
	"x86-64": ["amd64", ""],
	"386": ["386", ""],
	i386: ["386", ""],
	arm64: ["arm64", ""],
	aarch64: ["arm64", ""],
	arm: ["arm", "v7"],
	armhf: ["arm", "v7"],
	armel: ["arm", "v6"],
	ppc64le: ["ppc64le", ""],
	riscv64: ["riscv64", ""],
	s390x: ["s390x", ""],
	loong64: ["loong64", ""],
	mips64le: ["mips64le", ""],
};

/** `linux/amd64`, `arm64` (Linux is meant), `linux/arm/v6`; undefined: not a platform. */
export function parsePlatform(text: string): Platform | undefined {
	const parts = text.toLowerCase().split("/");
	if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_-]+$/.test(part))) return undefined;
	const [first = "", second, third] = parts;
	if (second === undefined && OS.includes(first)) return { os: first, architecture: "amd64", variant: "" };
	const os = second === undefined ? "linux" : first === "macos" ? "darwin" : first;
	const known = Object.hasOwn(ARCHITECTURES, second ?? first) ? ARCHITECTURES[second ?? first] : undefined;
	if (known === undefined || !OS.includes(os)) return undefined;
	const [architecture, implied] = known;
	const variant = third ?? implied;
	const redundant = (architecture === "arm64" && variant === "v8") || (architecture === "amd64" && variant === "v1");
	return { os, architecture, variant: redundant ? "" : variant };
}

export function formatPlatform(platform: Platform): string {
	const { os, architecture, variant } = platform;
	return variant === "" ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}
