#!/bin/sh
# The scripts of the Kubernetes Nodefiles as a system of the RHEL family would run them, as far as a container-like root
# goes: this host's own files, copied on write, with Debian's dnf and rpm, /etc/os-release of Rocky Linux and a repository
# of stand-in packages. dnf is real: what is asked of it, excludes, conflicts and signatures are carried out. Services,
# kernel and network are stand-ins that write down what they are asked.
#   dry-run.sh      as root, on a Debian or Ubuntu that reaches its packages; prints what holds, ends with 1 if any does not
set -eu

if [ "${1:-}" != inside ]; then
	from=$(cd "$(dirname "$0")/../../nodefiles/scripts" && pwd)
	work=$(mktemp -d)
	trap 'rmdir "$work"' EXIT
	SCRIPTS=$from unshare --mount --pid --fork --kill-child sh "$(dirname "$0")/dry-run.sh" inside "$work"
	exit 0
fi

# --- the root: gone with the namespace ---
work=$2
mount -t tmpfs none "$work"
mkdir "$work/upper" "$work/overlay" "$work/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/overlay" "$work/root"
root=$work/root
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
for folder in run tmp; do mount -t tmpfs none "$root/$folder" && chmod 1777 "$root/$folder"; done
# What tools for containers leave on this host.
rm -rf "$root/etc/cni/net.d"
# Pages of manuals take longer than all the rest.
rm -f "$root/var/lib/man-db/auto-update"
mkdir -p "$root/tmp/rpm"
scripts() {
	mkdir -p "$root/usr/local/lib/nodebuild"
	cp "${SCRIPTS:?}"/*.sh "$root/usr/local/lib/nodebuild/"
	chmod 755 "$root"/usr/local/lib/nodebuild/*.sh
}
scripts
cp /etc/resolv.conf "$root/run/resolv.conf"
in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"; }
in_root DEBIAN_FRONTEND=noninteractive sh -c '
	apt-get -qq update && apt-get -qq install -y --no-install-recommends dnf rpm createrepo-c gnupg' >"$root/tmp/apt.log" 2>&1 ||
	{ cat "$root/tmp/apt.log" && exit 1; }

# --- packages: names and versions, and of some of them what makes them matter here ---
# shellcheck disable=SC2317 # called by "eval"
package() {
	name=$1 version=$2
	shift 2
	printf '%%package -n %s\nVersion: %s\nRelease: %s\nSummary: x\n' "$name" "${version%-*}" "${version#*-}"
	for line in "$@"; do printf '%s\n' "$line"; done
	printf '%%description -n %s\nx\n%%files -n %s\n' "$name" "$name"
}
spec() {
	printf 'Name: standin\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%%description\nx\n'
	while read -r line; do eval "package $line"; done
}
build() {
	spec >"$root/tmp/rpm/$1.spec"
	in_root rpmbuild --quiet -bb --define "_rpmdir /repo/$1" --define '_build_id_links none' "/tmp/rpm/$1.spec" 2>/dev/null
	[ -z "${2:-}" ] || in_root sh -c "rpmsign --define '__gpg /usr/bin/gpg' --define '_gpg_name $2' --addsign /repo/$1/noarch/*.rpm" >"$root/tmp/out" 2>&1 || { cat "$root/tmp/out" && exit 1; }
	in_root createrepo_c -q "/repo/$1"
}
in_root gpg --batch --quiet --passphrase '' --quick-generate-key nobody@example.org rsa2048 sign 1d 2>/dev/null
in_root sh -c 'gpg --armor --export nobody@example.org >/tmp/key.asc'
build base <<-'END'
	rocky-release 9-1 'Provides: system-release = 9'
	curl-minimal 7-1 'Provides: curl-any'
	curl 7-1 'Conflicts: curl-minimal'
	runc 1-1
	firewalld 1-1
	ntpsec 1-1
	cloud-init 22-1
	qemu-guest-agent 7-1
	openssh-server 8-1
	chrony 4-1
	iptables-nft 1-1 'Provides: iptables'
	nftables 1-1
	socat 1-1
	ipset 7-1
	jq 1-1
	wget 1-1
	openssl 3-1
	ca-certificates 1-1
	audit 3-1
	conntrack-tools 1-1
	gnupg2 2-1
	cloud-utils-growpart 0-1
	nfs-utils 2-1
	net-tools 2-1
END
build docker <<-'END'
	containerd.io 1.7.28-1 'Provides: runc' 'Conflicts: runc'
END
# 1.34.3 is the update that nobody asked for.
build kubernetes nobody@example.org <<-'END'
	kubeadm 1.34.2-150500.1.1
	kubelet 1.34.2-150500.1.1
	kubectl 1.34.2-150500.1.1
	cri-tools 1.34.0-150500.1.1
	kubernetes-cni 1.7.1-150500.1.1
END
if [ ! -e "$root/repo/kubernetes/repodata" ]; then echo "no packages were built" && exit 1; fi
repository() { printf '[%s]\nname=%s\nbaseurl=file:///repo/%s\nenabled=1\ngpgcheck=0\n' "$1" "$1" "$1"; }

# --- a system of the family ---
cp "$root/etc/os-release" "$root/tmp/os-release.debian"
rm -f "$root/etc/os-release"
printf 'ID="rocky"\nID_LIKE="rhel centos fedora"\nPRETTY_NAME="Rocky Linux 9"\nVERSION_ID=9\n' >"$root/etc/os-release"
mkdir -p "$root/etc/yum.repos.d" "$root/etc/selinux" "$root/etc/cloud"
repository base >"$root/etc/yum.repos.d/base.repo"
printf 'SELINUX=enforcing\n' >"$root/etc/selinux/config"
printf '/dev/vda2 none swap sw 0 0\n/dev/vda1 / xfs defaults 0 1\n' >"$root/etc/fstab"
stand_in() {
	cat >"$root/usr/local/sbin/$1"
	chmod 755 "$root/usr/local/sbin/$1"
}
for name in systemctl modprobe sysctl swapoff setenforce journalctl subscription-manager; do
	printf '#!/bin/sh\necho "%s $*" >>/tmp/asked\n' "$name" | stand_in "$name"
done
repository docker >"$root/tmp/docker-ce.repo"
stand_in curl <<-'END'
	#!/bin/sh
	echo "curl $*" >>/tmp/asked
	while [ "$1" != -o ]; do shift; done
	cp /tmp/docker-ce.repo "$2"
END
printf '#!/bin/sh\necho containerd containerd.io 1.7.28 x\n' | stand_in containerd
printf '#!/bin/sh\n' | stand_in ctr
stand_in kubeadm <<-'END'
	#!/bin/sh
	case $1 in
		version) echo v1.34.2 ;;
		config) printf 'registry.k8s.io/%s\n' kube-proxy:v1.34.2 pause:3.10.1 etcd:3.6.5-0 ;;
	esac
END
rm -rf "$root/root/.kube"
in_root dnf -y -q --releasever=9 install rocky-release curl-minimal firewalld ntpsec >/dev/null

# --- what the Nodefiles do ---
failed=0
more=
# run WORDS: a step, with the variables of the profile and those of $more.
run() {
	script=$1
	shift
	# shellcheck disable=SC2086 # words
	if in_root $more "extra_rpms=nfs-utils net-tools" "extra_repos_content=own.repo:$(repository own | base64 -w0)" \
		remove_extra_repos=true KUBERNETES_VERSION=1.34.2 kubernetes_series=v1.34 "kubernetes_rpm_version=1.34.2-*" \
		kubernetes_rpm_repo=file:///repo/kubernetes kubernetes_rpm_gpg_key=file:///tmp/key.asc containerd_from=1.6.0 \
		containerd_before=3.0.0 prepull_without=etcd "/usr/local/lib/nodebuild/$script" "$@" >"$root/tmp/out" 2>&1; then
		echo "ok      $script $*"
	else
		echo "FAILED  $script $*" && cat "$root/tmp/out"
		failed=1
	fi
}
# holds WHAT COMMAND: in the root.
holds() {
	what=$1
	shift
	if in_root "$@" >"$root/tmp/out" 2>&1; then echo "ok      $what"; else
		echo "FAILED  $what" && cat "$root/tmp/out"
		failed=1
	fi
}
mkdir -p "$root/repo/own" && in_root createrepo_c -q /repo/own
run base-os.sh repositories
holds "the user's repository is there" test -e /etc/yum.repos.d/own.repo
for step in update packages configure extra; do run base-os.sh "$step"; done
holds "packages of the base and of extra_rpms are installed" rpm -q cloud-init qemu-guest-agent openssh-server chrony \
	iptables-nft nftables socat ipset jq curl wget openssl ca-certificates audit conntrack-tools gnupg2 \
	cloud-utils-growpart nfs-utils net-tools
holds "curl has taken the place of curl-minimal, ntpsec is gone" sh -c '! rpm -q curl-minimal && ! rpm -q ntpsec'
holds "SELinux is permissive now and after a reboot" sh -c 'grep -qx SELINUX=permissive /etc/selinux/config && grep -qx "setenforce 0" /tmp/asked'
holds "firewalld is disabled" grep -qx 'systemctl disable --now firewalld' /tmp/asked
holds "there is no swap after a reboot" sh -c '! grep -q "^[^#].*swap" /etc/fstab && grep -q "^/dev/vda1" /etc/fstab'
run node.sh runtime
holds "containerd.io comes from Docker's repository for the system" grep -q '/linux/centos/docker-ce.repo$' /tmp/asked
holds "containerd.io is installed" rpm -q containerd.io
run node.sh kubernetes
holds "the packages are of the release, and their signatures have been checked" sh -c \
	'rpm -q kubeadm-1.34.2 kubelet-1.34.2 kubectl-1.34.2 cri-tools kubernetes-cni && rpm -q gpg-pubkey'
build kubernetes nobody@example.org <<-'END'
	kubeadm 1.34.3-150500.1.1
	kubelet 1.34.3-150500.1.1
	kubectl 1.34.3-150500.1.1
END
in_root dnf -y -q --refresh upgrade >/dev/null 2>&1 || true
holds "a stray update leaves them alone" rpm -q kubeadm-1.34.2 kubelet-1.34.2 kubectl-1.34.2
build own <<-'END'
	kubeadm 1.34.4-1
	kubelet 1.34.4-1
	kubectl 1.34.4-1
END
in_root dnf -q makecache --refresh >/dev/null 2>&1 || true
run node.sh kubernetes
holds "dnf's own configuration excludes what a repository of the user's does not" grep -q '^excludepkgs=.*kubeadm' /etc/dnf/dnf.conf
in_root dnf -y -q --refresh upgrade >/dev/null 2>&1 || true
holds "an update leaves them alone then too" rpm -q kubeadm-1.34.2 kubelet-1.34.2 kubectl-1.34.2
run node.sh kubernetes
holds "the kubelet is disabled" grep -qx 'systemctl disable --now kubelet' /tmp/asked
holds "versions are noted" grep -qx 'kubelet 1.34.2-150500.1.1' /usr/share/nodebuild/kubernetes/packages
run node.sh configure
holds "containerd has kubeadm's pause image" grep -qx 'sandbox_image = "registry.k8s.io/pause:3.10.1"' /etc/containerd/config.toml
run prepull.sh pull
run finish.sh executables
run finish.sh worker
holds "the repositories of the build are gone, those of the system are not" sh -c \
	'test ! -e /etc/yum.repos.d/own.repo && test ! -e /etc/yum.repos.d/kubernetes.repo && test -e /etc/yum.repos.d/base.repo'
holds "a registration with Red Hat is given up" grep -qx 'subscription-manager unregister' /tmp/asked

# public_repos FOLDER FILE: disable_public_repos and what follows from it, where FILE of FOLDER is one of the system's own.
public_repos() {
	folder=$1 file=$2
	scripts
	rm -f "$root$folder/own.repo"
	echo '# the base brings it' >"$root/etc/pip.conf"
	more="disable_public_repos=true pip_conf_content=pip.conf:$(printf '[global]\n' | base64 -w0)"
	run base-os.sh repositories
	holds "the system's repositories are disabled, the user's is there, and pip's configuration" sh -c \
		"test ! -e $folder/$file && test -e $folder/own.repo && grep -q global /etc/pip.conf"
	more="$more reenable_public_repos=false"
	run finish.sh worker
	holds "they stay disabled without reenable_public_repos; what was added is gone, pip's configuration is the system's" sh -c \
		"test -e $folder/$file.nodebuild-disabled && test ! -e $folder/own.repo && grep -qx '# the base brings it' /etc/pip.conf"
	scripts
	more=disable_public_repos=true
	run finish.sh worker
	holds "they are enabled again at the end" sh -c "test -s $folder/$file && test ! -e $folder/$file.nodebuild-disabled"
}
public_repos /etc/yum.repos.d base.repo
holds "dnf sees them" sh -c 'dnf -q repolist | grep -q "^base "'
cp "$root/tmp/os-release.debian" "$root/etc/os-release"
mkdir -p "$root/etc/apt/sources.list.d"
printf 'deb http://deb.example.org/ stable main\n' >"$root/etc/apt/sources.list.d/public.list"
public_repos /etc/apt/sources.list.d public.list
exit "$failed"
