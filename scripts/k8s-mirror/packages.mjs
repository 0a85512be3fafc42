/** Packages as upstream makes them, real or stand-ins, and a signed flat apt repository of them. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { run } from "./run.mjs";

/** @typedef {{ name: string, version: string, depends: string, files: Readonly<Record<string, string | Buffer | { from: string }>>, script?: string }} Package */

const KUBELET_UNIT = `[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/home/
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
`;

const KUBEADM_DROP_IN = `# Note: This dropin only works with kubeadm and kubelet v1.11+
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`;

/** Debian has no crictl; this one answers what kubeadm and the suite ask, with containerd's own ctr. */
const CRICTL = `#!/bin/sh
# A stand-in for crictl.
while [ $# -gt 0 ]; do
	case $1 in
		-r | -i | --runtime-endpoint | --image-endpoint | --timeout | -t) shift 2 ;;
		--version | [!-]*) break ;;
		*) shift ;;
	esac
done
case $1 in
	--version | version) echo "crictl version v@VERSION@ (stand-in)" ;;
	info) exec ctr version ;;
	images | image) ctr -n k8s.io images ls -q | grep -v '^sha256:' ;;
	inspecti) ctr -n k8s.io images ls -q | grep -qxF "$2" ;;
	pull) exec ctr -n k8s.io images pull "$2" ;;
	ps) ctr -n k8s.io tasks ls ;;
	pods | stopp | rmp | rm | rmi) ;;
	*) echo "the stand-in for crictl does not know $1" >&2 && exit 1 ;;
esac
`;

/** @param {string} version @param {{ pause: string, etcd: string, coredns: string }} other */
function standInKubeadm(version, other) {
	return `#!/bin/sh
# A stand-in for kubeadm ${version}: it knows its version and its images.
repository=registry.k8s.io
for word in "$@"; do
	[ "\${previous:-}" != --image-repository ] || repository=$word
	previous=$word
done
case "$1 \${2:-}" in
	"version "*) echo v${version} ;;
	"config images")
		for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do echo "$repository/$name:v${version}"; done
		printf '%s\\n' "$repository/coredns/coredns:${other.coredns}" "$repository/pause:${other.pause}" "$repository/etcd:${other.etcd}"
		;;
	*) echo "a stand-in cannot $*" >&2 && exit 1 ;;
esac
`;
}

const says = (/** @type {string} */ text) => `#!/bin/sh\n# A stand-in.\necho "${text}"\n`;

/**
 * kubeadm, kubelet and kubectl: from `bin`, else stand-ins.
 * @param {string} version @param {string | undefined} bin @param {{ pause: string, etcd: string, coredns: string }} other
 * @returns {Package[]}
 */
export function kubernetesPackages(version, bin, other) {
	const program = (/** @type {string} */ name, /** @type {string} */ text) =>
		bin === undefined ? text : { from: join(bin, name) };
	const revision = `${version}-00`;
	return [
		{
			name: "kubeadm",
			version: revision,
			depends: "kubelet (>= 1.19.0), kubectl (>= 1.19.0), kubernetes-cni (>= 0.8.6), cri-tools (>= 1.13.0)",
			files: {
				"usr/bin/kubeadm": program("kubeadm", standInKubeadm(version, other)),
				"etc/systemd/system/kubelet.service.d/10-kubeadm.conf": KUBEADM_DROP_IN,
			},
		},
		{
			name: "kubelet",
			version: revision,
			depends:
				"iptables (>= 1.4.21), kubernetes-cni (>= 0.8.6), iproute2, socat, util-linux, mount, ebtables, ethtool, conntrack",
			files: {
				"usr/bin/kubelet": program("kubelet", says(`Kubernetes v${version}`)),
				"lib/systemd/system/kubelet.service": KUBELET_UNIT,
			},
			script: "systemctl daemon-reload || true\nsystemctl enable --now kubelet || true\n",
		},
		{
			name: "kubectl",
			version: revision,
			depends: "",
			files: { "usr/bin/kubectl": program("kubectl", says(`Client Version: v${version}`)) },
		},
	];
}

/** What goes with every version. @param {string} cni folder of CNI plugins @returns {Package[]} */
export function commonPackages(cni) {
	const plugins = run("ls", [cni]).split("\n").filter(Boolean);
	return [
		{
			name: "kubernetes-cni",
			version: "1.1.1-00",
			depends: "",
			files: Object.fromEntries(plugins.map((name) => [`opt/cni/bin/${name}`, { from: join(cni, name) }])),
		},
		{
			name: "cri-tools",
			version: "1.20.0-00",
			depends: "",
			files: { "usr/bin/crictl": CRICTL.replace("@VERSION@", "1.20.0") },
		},
	];
}

/** @param {Package} one @param {string} work @param {string} repository */
function buildPackage({ name, version, depends, files, script }, work, repository) {
	const tree = join(work, `${name}_${version}`);
	rmSync(tree, { recursive: true, force: true });
	for (const [path, content] of Object.entries(files)) {
		const target = join(tree, path);
		mkdirSync(dirname(target), { recursive: true });
		if (typeof content === "object" && "from" in content) copyFileSync(content.from, target);
		else writeFileSync(target, content);
		chmodSync(target, /\/bin\//.test(`/${path}`) ? 0o755 : 0o644);
	}
	mkdirSync(join(tree, "DEBIAN"));
	const control = [
		`Package: ${name}`,
		`Version: ${version}`,
		"Architecture: amd64",
		"Maintainer: nodebuild tests <nobody@example.org>",
		...(depends === "" ? [] : [`Depends: ${depends}`]),
		`Description: ${name}, for tests of nodebuild`,
	];
	writeFileSync(join(tree, "DEBIAN/control"), `${control.join("\n")}\n`);
	if (script !== undefined) writeFileSync(join(tree, "DEBIAN/postinst"), `#!/bin/sh\n${script}`, { mode: 0o755 });
	run("dpkg-deb", ["--root-owner-group", "-Zgzip", "-z1", "--build", tree, repository]);
	rmSync(tree, { recursive: true });
}

/**
 * A flat repository with its key beside it (Release.key), and an apt source that carries the key itself.
 * @param {readonly Package[]} packages @param {string} work @param {string} address where the guest sees it
 */
export function buildRepository(packages, work, address) {
	const repository = join(work, "www/deb");
	mkdirSync(repository, { recursive: true });
	for (const one of packages) buildPackage(one, work, repository);
	const index = run("dpkg-scanpackages", ["--multiversion", "."], { cwd: repository });
	writeFileSync(join(repository, "Packages"), index);
	const bytes = readFileSync(join(repository, "Packages"));
	const digest = createHash("sha256").update(bytes).digest("hex");
	writeFileSync(
		join(repository, "Release"),
		`Origin: nodebuild tests\nSuite: stable\nDate: ${new Date().toUTCString().replace("GMT", "UTC")}\nSHA256:\n ${digest} ${bytes.length} Packages\n`,
	);
	const home = join(work, "gnupg");
	const gpg = (/** @type {string[]} */ ...args) =>
		run("gpg", ["--homedir", home, "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", "", ...args]);
	if (!existsSync(home)) {
		mkdirSync(home, { mode: 0o700 });
		gpg("--quick-generate-key", "nodebuild tests <nobody@example.org>", "rsa2048", "sign", "1y");
	}
	gpg("--clearsign", "-o", join(repository, "InRelease"), join(repository, "Release"));
	gpg("--armor", "--export", "-o", join(repository, "Release.key"));
	const key = readFileSync(join(repository, "Release.key"), "utf8").trim().split("\n");
	const embedded = key.map((line) => ` ${line === "" ? "." : line}`).join("\n");
	writeFileSync(
		join(work, "internal.sources"),
		`Types: deb\nURIs: ${address}/deb/\nSuites: ./\nSigned-By:\n${embedded}\n`,
	);
}
