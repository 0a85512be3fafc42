/** What is known of a disk that no map describes. Pure. */

const HINTS: readonly (readonly [RegExp, string])[] = [
	[/debian|ubuntu|bookworm|bullseye|trixie|jammy|noble|resolute/, "debian"],
	[/rhel|redhat|rocky|alma|centos|fedora|oracle|\bol[0-9]+u|al2023|amzn/, "rhel"],
	[/suse|leap|tumbleweed|sles/, "suse"],
	[/alpine/, "alpine"],
];

/** Family by the file's name; "unknown" is for the guest to tell once it runs. */
export function guessFamily(name: string): string {
	const lower = name.toLowerCase();
	return HINTS.find(([pattern]) => pattern.test(lower))?.[1] ?? "unknown";
}

/** "linux/arm64", "arm64", "linux/amd64/v2": the architecture as the map writes it. */
export function architectureOf(platform: string): string {
	const [os, architecture] = platform.includes("/") ? platform.split("/") : ["linux", platform];
	const name = (os === "linux" ? architecture : undefined) ?? platform;
	return { x86_64: "amd64", aarch64: "arm64", x64: "amd64" }[name] ?? name;
}
