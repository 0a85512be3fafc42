/** What the build adds for itself, called as one of the base's own files, and what is there at the end. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { below, commandOfSuite, DEBIAN, ROCKY, setup } from "./setup.ts";

type Files = Readonly<Record<string, string>>;
const SUITE = "nothing is left of what remove_extra_repos removes";
const LEFT = "repositories are not left disabled by the build where they were to be enabled again";

/** What base-os.sh and finish.sh make of a base's files: during the build, and at the end. */
async function built(release: string, base: Files, variables: Files, more?: (folder: string) => void) {
	const { run, folder } = await setup(release, { systemctl: ":", "subscription-manager": ":" });
	const etc = join(folder, "etc");
	const write = (name: string, text: string) => {
		mkdirSync(dirname(join(etc, name)), { recursive: true });
		writeFileSync(join(etc, name), text);
	};
	for (const [name, text] of Object.entries(base)) write(name, text);
	const files = () => {
		const names = readdirSync(etc, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
		const paths = names.map((entry) => join(entry.parentPath, entry.name)).sort();
		return Object.fromEntries(paths.map((path) => [path.slice(etc.length + 1), readFileSync(path, "utf8")]));
	};
	expect(run("base-os.sh", "repositories", variables)).toMatchObject({ status: 0, stderr: "" });
	const during = files();
	more?.(etc);
	expect(run("finish.sh", "worker", variables)).toMatchObject({ status: 0, stderr: "" });
	for (const name of [SUITE, LEFT]) expect(spawnSync("sh", ["-c", below(folder, commandOfSuite(name))]).status).toBe(0);
	expect(existsSync(join(folder, "usr/local/lib/nodebuild"))).toBe(false);
	const removed = join(folder, "usr/share/nodebuild/kubernetes/removed");
	return { during, after: files(), removed: existsSync(removed) ? readFileSync(removed, "utf8").trim() : undefined };
}

const content = (name: string, text: string) => `${name}:${Buffer.from(text).toString("base64")}`;

describe.each([
	["the Debian family", DEBIAN, "apt/sources.list.d/debian.sources", "apt/sources.list.d/extra-debian.sources"],
	["the RHEL family", ROCKY, "yum.repos.d/rocky.repo", "yum.repos.d/extra-rocky.repo"],
])("a file of extra_repos that is called as one of the base's, on %s,", (_, release, file, other) => {
	const base = { [file]: "public" };
	const extra = { extra_repos_content: content(file.split("/").at(-1) ?? "", "internal") };

	test("takes its place while building, and stays", async () => {
		expect(await built(release, base, extra)).toEqual({
			during: { [file]: "internal" },
			after: { [file]: "internal" },
			removed: undefined,
		});
	});

	test("gives it back where it is to be removed", async () => {
		expect(await built(release, base, { ...extra, remove_extra_repos: "true" })).toEqual({
			during: { [file]: "internal" },
			after: base,
			removed: "",
		});
	});

	const disabled = { ...extra, disable_public_repos: "true" };
	const during = { [file]: "internal", [`${file}.nodebuild-disabled`]: "public" };

	test("gets another name at the end where the base's is enabled again", async () => {
		expect(await built(release, base, disabled)).toEqual({
			during,
			after: { [file]: "public", [other]: "internal" },
			removed: undefined,
		});
	});

	test("and one that is called as the other name is: both stay", async () => {
		const two = { [file]: "public", [other]: "public too" };
		const { after } = await built(release, two, disabled);
		expect(Object.values(after).sort()).toEqual(["internal", "public", "public too"]);
		expect(after).toMatchObject(two);
	});

	test("makes room for a base's that was disabled", async () => {
		expect(await built(release, base, { ...disabled, remove_extra_repos: "true" })).toEqual({
			during,
			after: base,
			removed: "",
		});
	});

	test("is there, or gone, where the base's stays disabled", async () => {
		const never = { ...disabled, reenable_public_repos: "false" };
		// cloud-init's first boot would write Debian's and Ubuntu's public ones anew.
		const kept = "apt: {preserve_sources_list: true}\n";
		const left: Files = release === DEBIAN ? { "cloud/cloud.cfg.d/zz-kubernetes-apt.cfg": kept } : {};
		expect((await built(release, base, never)).after).toEqual({ ...during, ...left });
		const { after, removed } = await built(release, base, { ...never, remove_extra_repos: "true" });
		expect(after).toEqual({ [`${file}.nodebuild-disabled`]: "public", ...left });
		expect(removed).toMatch(new RegExp(`/etc/${file}$`));
	});

	test("of another name is gone", async () => {
		const own = join(dirname(file), `own.${file.split(".").at(-1)}`);
		const variables = { extra_repos_content: content(own, "internal"), remove_extra_repos: "true" };
		const { during, after, removed } = await built(release, base, variables);
		expect(during).toEqual({ ...base, [own]: "internal" });
		expect(after).toEqual(base);
		expect(removed).toMatch(new RegExp(`/etc/${own}$`));
	});

	test("a file that the system has written anew while it was disabled gives way to it", async () => {
		const { after } = await built(release, base, { disable_public_repos: "true" }, (etc) =>
			writeFileSync(join(etc, file), "of an update"),
		);
		expect(after).toEqual(base);
	});
});

describe("pip's configuration", () => {
	const file = "pip.conf";
	const variables = { pip_conf_content: content("own.conf", "internal"), remove_extra_repos: "true" };

	test("of the base is left alone without pip_conf_file", async () => {
		const removing = { remove_extra_repos: "true", extra_repos_content: content("own.list", "internal") };
		const { after, removed } = await built(DEBIAN, { [file]: "public" }, removing);
		expect(after).toEqual({ [file]: "public" });
		expect(removed).not.toContain(file);
	});

	test("of the base is there again after pip_conf_file", async () => {
		expect(await built(DEBIAN, { [file]: "public" }, variables)).toEqual({
			during: { [file]: "internal" },
			after: { [file]: "public" },
			removed: "",
		});
	});

	test("is gone where the base had none", async () => {
		const { after, removed } = await built(DEBIAN, { fstab: "" }, variables);
		expect(after).toEqual({ fstab: "" });
		expect(removed).toMatch(/\/etc\/pip\.conf$/);
	});
});

describe("the base's own repository of Kubernetes", () => {
	const variables = { kubernetes_deb_repo: "https://a.org/", kubernetes_deb_gpg_key: "https://k" };
	const base = { "apt/sources.list.d/kubernetes.list": "public", "apt/keyrings/kubernetes.gpg": "key" };

	test("is left alone, or there again, where the build's is removed", async () => {
		const { run, folder } = await setup(DEBIAN, {
			containerd: "echo 'containerd containerd.io 1.7.28 x'",
			curl: ":",
			gpg: 'while [ "$1" != -o ]; do shift; done; echo internal >"$2"',
			"apt-get": ":",
			"apt-cache": "echo ' x | 1.34.2-1.1 | http://x'",
			"apt-mark": ":",
			kubeadm: "echo v1.34.2",
			systemctl: ":",
		});
		const read = (name: string) => readFileSync(join(folder, "etc", name), "utf8");
		for (const [name, text] of Object.entries(base)) {
			mkdirSync(dirname(join(folder, "etc", name)), { recursive: true });
			writeFileSync(join(folder, "etc", name), text);
		}
		const release = { KUBERNETES_VERSION: "1.34.2", kubernetes_deb_version: "1.34.2-*", kubernetes_series: "v1.34" };
		expect(run("node.sh", "kubernetes", { ...release, ...variables })).toMatchObject({ status: 0, stderr: "" });
		expect(read("apt/sources.list.d/kubernetes.list")).toContain("https://a.org/ /");
		expect(read("apt/keyrings/kubernetes.gpg")).toBe("internal\n");
		expect(run("finish.sh", "worker", { remove_extra_repos: "true" })).toMatchObject({ status: 0, stderr: "" });
		for (const [name, text] of Object.entries(base)) expect(read(name)).toBe(text);
	});
});
