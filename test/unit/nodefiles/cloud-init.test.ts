/** Which datasources cloud-init has in a Kubernetes image. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { below, commandOfSuite, DEBIAN, ROCKY, setup } from "./setup.ts";

const NAME = "cloud-init's datasources are NoCloud and ConfigDrive, whatever the base's own files say";

async function configured(release: string, files: Readonly<Record<string, string>>) {
	const nothing = ":";
	const programs = { modprobe: nothing, sysctl: nothing, swapoff: nothing, systemctl: nothing, setenforce: nothing };
	const { run, folder } = await setup(release, programs);
	for (const name of ["cloud/cloud.cfg.d", "modules-load.d", "sysctl.d"])
		mkdirSync(join(folder, "etc", name), { recursive: true });
	writeFileSync(join(folder, "etc/fstab"), "");
	for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, "etc/cloud", name), text);
	expect(run("base-os.sh", "configure")).toEqual({ status: 0, stdout: "", stderr: "" });
	const config = join(folder, "etc/cloud/cloud.cfg.d");
	/** As cloud-init reads its files (util.read_conf_d): sorted by name, the last one counts. */
	const list = () => {
		const texts = readdirSync(config)
			.filter((name) => name.endsWith(".cfg"))
			.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
			.map((name) => parse(readFileSync(join(config, name), "utf8")));
		return Object.assign({}, ...texts).datasource_list;
	};
	const suite = () => spawnSync("sh", ["-c", below(folder, commandOfSuite(NAME))], { encoding: "utf8" });
	return { list, suite, config };
}

const OTHERS = "datasource_list: [ NoCloud, Ec2, None ]\n";

test.each([
	["nothing", DEBIAN, {}],
	["a bootstrapped base's", DEBIAN, { "cloud.cfg.d/90_image.cfg": OTHERS }],
	["Debian's", DEBIAN, { "cloud.cfg": "users: []\n", "cloud.cfg.d/90_dpkg.cfg": OTHERS }],
	["an installer's", DEBIAN, { "cloud.cfg.d/99-installer.cfg": OTHERS, "cloud.cfg.d/99_x.cfg": OTHERS }],
	["RHEL's", ROCKY, { "cloud.cfg": OTHERS, "cloud.cfg.d/10_rhel.cfg": OTHERS }],
])("NoCloud and ConfigDrive are the datasources over %s", async (_, release, files) => {
	const { list, suite } = await configured(release, files);
	expect(list()).toEqual(["NoCloud", "ConfigDrive", "None"]);
	expect(suite()).toMatchObject({ status: 0, stderr: "" });
});

test("the suite fails where another list counts", async () => {
	const { suite, config } = await configured(DEBIAN, { "cloud.cfg.d/90_dpkg.cfg": OTHERS });
	writeFileSync(join(config, "zzz.cfg"), "datasource_list:\n  - Ec2\n");
	expect(suite()).toMatchObject({ status: 1, stderr: expect.stringContaining("zzz.cfg") });
	rmSync(join(config, "zzz.cfg"));
	rmSync(join(config, "zz-kubernetes.cfg"));
	expect(suite()).toMatchObject({ status: 1, stderr: expect.stringContaining("90_dpkg.cfg") });
});
