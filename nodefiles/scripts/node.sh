#!/bin/sh
# Container runtime and Kubernetes: node.sh runtime|kubernetes|configure
. "${NODEBUILD_LIB:-/usr/local/lib/nodebuild}/common.sh"

# Build arguments; the profile gives those that follow from the version.
: "${KUBERNETES_VERSION:=}" "${kubernetes_series:=}" "${containerd_from:=0}" "${containerd_before:=9999}"
: "${kubernetes_deb_version:=}" "${kubernetes_deb_gpg_key:=}" "${kubernetes_rpm_version:=}" "${kubernetes_rpm_gpg_key:=}"

# Further files that containerd reads.
IMPORTS='imports = ["/etc/containerd/conf.d/*.toml"]'

# What no update takes by itself, on the RHEL family.
EXCLUDED="kubelet kubeadm kubectl cri-tools kubernetes-cni"

runtime() {
	case $FAMILY in
		debian)
			apt_lists
			containerd=$(containerd_debian)
			install_packages "$containerd"
			;;
		rhel)
			# The distribution has none; Docker's repository has, unless a repository of one's own brings it.
			dnf -q repoquery containerd.io 2>/dev/null | grep -q . || docker_repository
			install_packages "containerd.io${containerd_version:+-$containerd_version}"
			;;
	esac
	systemctl enable --now containerd
	for unit in docker dockerd conntrackd; do systemctl disable --now "$unit" 2>/dev/null || true; done
}

# The distribution's package, or Docker's where only that one has the version, or there is no other.
containerd_debian() {
	name=containerd
	apt-cache show containerd >/dev/null 2>&1 || name=containerd.io
	[ -n "${containerd_version:-}" ] || { echo "$name" && return 0; }
	if [ "$name" = containerd ] && ! has containerd "$containerd_version" && has containerd.io "$containerd_version"; then
		name=containerd.io
	fi
	version=$(newest "$name" "$containerd_version")
	echo "$name=$version"
}

# has NAME PATTERN: whether there is such a version of a package.
has() { (newest "$1" "$2") >/dev/null 2>&1; }

# Docker has a repository for each of these; the systems that are built from RHEL use the one of CentOS.
docker_repository() {
	[ "${disable_public_repos:-false}" != true ] ||
		fail "no repository has containerd.io, and disable_public_repos keeps Docker's away: name one that has it in extra_repos"
	# shellcheck disable=SC1090,SC1091
	id=$(. "${NODEBUILD_OS_RELEASE:-/etc/os-release}" && echo "$ID")
	case $id in
		fedora | rhel) ;;
		*) id=centos ;;
	esac
	curl -fsSL --retry 3 -o "${NODEBUILD_YUM_REPOS:-/etc/yum.repos.d}/docker-ce.repo" \
		"https://download.docker.com/linux/$id/docker-ce.repo"
}

# newest NAME PATTERN: the newest version of a package that a pattern such as 1.34.2-* means.
newest() {
	versions=$(apt-cache madison "$1" | awk -F' *[|] *' '{print $2}' | sort -V -r)
	for version in $versions; do
		# shellcheck disable=SC2254 # it is a pattern; without a revision it is of any, but 1.34.2 is not 1.34.20
		case $version in
			$2 | $2[!0-9.]*) echo "$version" && return 0 ;;
		esac
	done
	fail "the repositories have no $1 $2; they have: $(echo "$versions" | tr '\n' ' ')"
}

# with PACKAGE_VERSION RELEASE: the version of a package that is of another patch release than kubeadm.
with() { [ "$2" = "$KUBERNETES_VERSION" ] && echo "$1" || echo "$2-*"; }

# of_each_series ADDRESS: it, and upstream's of the other series that kubelet or kubectl is of. One key signs them all.
of_each_series() {
	echo "$1"
	case $1 in
		https://pkgs.k8s.io/*)
			for series in ${kubernetes_other_series:-}; do echo "$1" | sed "s|/$kubernetes_series/|/$series/|"; done
			;;
	esac
}

# An address alone is a folder with packages; else a suite and components follow it.
sources() {
	of_each_series "$1" | while read -r address words; do
		echo "deb [signed-by=/etc/apt/keyrings/kubernetes.gpg] $address ${words:-/}"
	done
}

repos() {
	id=kubernetes
	of_each_series "$1" | while read -r address; do
		[ "$address" = "$1" ] || id=kubernetes-$(echo "$address" | sed 's|.*/\(v[0-9.]*\)/.*|\1|')
		cat <<-END
			[$id]
			name=Kubernetes
			baseurl=$address
			enabled=1
			gpgcheck=1
			gpgkey=$kubernetes_rpm_gpg_key
			exclude=$EXCLUDED
		END
	done
}

kubernetes_debian() {
	if [ "${disable_public_repos:-false}" != true ] && [ -n "${kubernetes_deb_repo:-}" ] && [ -n "$kubernetes_deb_gpg_key" ]; then
		mkdir -p /etc/apt/keyrings
		adds /etc/apt/keyrings/kubernetes.gpg
		adds /etc/apt/sources.list.d/kubernetes.list
		curl -fsSL --retry 3 "$kubernetes_deb_gpg_key" | gpg --dearmor --yes -o /etc/apt/keyrings/kubernetes.gpg
		sources "$kubernetes_deb_repo" >/etc/apt/sources.list.d/kubernetes.list
	fi
	# Which versions there are is asked anew, whatever an earlier step has fetched.
	rm -f "$APT_LISTS"
	apt_lists
	kubeadm=$(newest kubeadm "$kubernetes_deb_version")
	kubelet=$(newest kubelet "$(with "$kubernetes_deb_version" "${KUBELET_VERSION:-$KUBERNETES_VERSION}")")
	kubectl=$(newest kubectl "$(with "$kubernetes_deb_version" "${KUBECTL_VERSION:-$KUBERNETES_VERSION}")")
	install_packages "kubeadm=$kubeadm" "kubelet=$kubelet" "kubectl=$kubectl" cri-tools kubernetes-cni
	apt-mark hold kubeadm kubelet kubectl
}

kubernetes_rhel() {
	if [ "${disable_public_repos:-false}" != true ] && [ -n "${kubernetes_rpm_repo:-}" ]; then
		adds /etc/yum.repos.d/kubernetes.repo
		repos "$kubernetes_rpm_repo" >/etc/yum.repos.d/kubernetes.repo
	fi
	kubelet=$(with "$kubernetes_rpm_version" "${KUBELET_VERSION:-$KUBERNETES_VERSION}")
	kubectl=$(with "$kubernetes_rpm_version" "${KUBECTL_VERSION:-$KUBERNETES_VERSION}")
	# What we or others have excluded so that no update takes it. dnf 5 has no --disableexcludes, and "*" for dnf 4's "all".
	dnf_ --setopt='disable_excludes=all,*' install "kubeadm-$kubernetes_rpm_version" "kubelet-$kubelet" \
		"kubectl-$kubectl" cri-tools kubernetes-cni
	hold_rhel "${NODEBUILD_DNF_CONF:-/etc/dnf/dnf.conf}"
}

# hold_rhel CONFIG: no update takes another version. Our repository says so itself; where dnf sees the package in one of
# extra_repos that does not, its own configuration does. Which of the two is noted for the suite.
hold_rhel() {
	if ! dnf -q repoquery kubeadm 2>/dev/null | grep -q .; then
		stamp held repositories
		return 0
	fi
	stamp held "$1"
	if grep -Eqs '^exclude(pkgs)?[[:space:]]*=' "$1"; then
		sed -i -E "s/^exclude(pkgs)?[[:space:]]*=.*/& $EXCLUDED/" "$1"
	else
		grep -Fqsx '[main]' "$1" || echo '[main]' >>"$1"
		sed -i "s/^\[main\]\$/&\nexcludepkgs=$EXCLUDED/" "$1"
	fi
}

kubernetes() {
	have=$(containerd --version | awk '{print $3}' | sed 's/^v//; s/[~+-].*//')
	if lower "$have" "$containerd_from" || ! lower "$have" "$containerd_before"; then
		fail "expected a containerd from $containerd_from and below $containerd_before for Kubernetes" \
			"$KUBERNETES_VERSION, got $have: give another containerd_version, or a repository that has one"
	fi
	"kubernetes_$FAMILY"
	got=$(kubeadm version -o short)
	[ "$got" = "v$KUBERNETES_VERSION" ] || fail "expected kubeadm v$KUBERNETES_VERSION, got $got"
	# Without a cluster it would only fail: cloud-init enables it.
	if [ "${kubernetes_enable_kubelet:-false}" = true ]; then
		systemctl enable kubelet
		stamp kubelet enabled
	else
		systemctl disable --now kubelet
		stamp kubelet disabled
	fi
	stamp version "$KUBERNETES_VERSION"
	stamp kubelet-version "${KUBELET_VERSION:-$KUBERNETES_VERSION}"
	stamp series "$kubernetes_series"
	stamp packages "$(installed)"
}

# Names and versions of what a node is made of, where there are such packages.
installed() {
	set -- containerd containerd.io cri-tools kubeadm kubectl kubelet kubernetes-cni runc
	case $FAMILY in
		debian) dpkg-query -f '${db:Status-Abbrev}${Package} ${Version}\n' -W "$@" 2>/dev/null | sed -n 's/^[hi]i *//p' ;;
		rhel) rpm -q --qf '%{NAME} %{VERSION}-%{RELEASE}\n' "$@" | grep -v 'not installed' ;;
	esac
}

# What kubeadm says that this release runs with.
pause_of_kubeadm() {
	kubeadm config images list --kubernetes-version "v$KUBERNETES_VERSION" \
		${kubernetes_container_registry:+--image-repository "$kubernetes_container_registry"} 2>/dev/null |
		grep '/pause:'
}

configure() {
	image=${pause_image:-$(pause_of_kubeadm)}
	[ -n "$image" ] || fail "kubeadm names no pause image"
	stamp pause "$image"
	write_config /etc/containerd "$image"
	cat >/etc/crictl.yaml <<-'END'
		runtime-endpoint: unix:///run/containerd/containerd.sock
		image-endpoint: unix:///run/containerd/containerd.sock
		timeout: 10
	END
	cgroup_driver /etc/containerd/config.toml /etc/systemd/system/kubelet.service.d
	systemctl restart containerd
	ctr version >/dev/null
	cri=$(ctr plugins ls | awk '$2 ~ /^(cri|images|runtime)$/ && $NF == "error" {print $1 "." $2}')
	[ -z "$cri" ] || fail "containerd does not accept its configuration of $cri: $(
		journalctl -u containerd -n 200 -o cat 2>/dev/null | grep -F 'failed to load plugin' | tail -n 1)"
}

# write_config FOLDER PAUSE: ours, or the user's as it is, which is noted: the suite expects nothing of ours in that.
write_config() {
	mkdir -p "$1/conf.d" "$1/certs.d"
	if [ -n "${containerd_config_content:-}" ]; then
		printf '%s' "${containerd_config_content#*:}" | base64 -d >"$1/config.toml"
		stamp own-containerd-config "${containerd_config_content%%:*}"
		return 0
	fi
	containerd_config "$2" >"$1/config.toml"
	[ -n "${containerd_additional_settings:-}" ] || return 0
	printf '%s' "$containerd_additional_settings" | base64 -d >"$1/conf.d/50-additional.toml"
	take_in "$1/config.toml" "$1/conf.d/50-additional.toml"
	# What the settings have said otherwise of what the suite looks for.
	said=
	grep -Fqx "$IMPORTS" "$1/config.toml" || said=imports
	systemd_cgroup "$1/config.toml" || said="$said SystemdCgroup"
	[ -z "$said" ] || stamp own-containerd-settings "${said# }"
}

# Whether a configuration says that containers are started in systemd's cgroups.
systemd_cgroup() { grep -Eq '^[[:space:]]*"?SystemdCgroup"?[[:space:]]*=[[:space:]]*true' "$1"; }

# version_of CONFIG: what it says before any table.
version_of() {
	sed -n '/^[[:space:]]*\[/q; s/^[[:space:]]*"*version"*[[:space:]]*=[[:space:]]*\([0-9]*\).*/\1/p' "$1" | head -n 1
}

# take_in CONFIG SETTINGS: settings of the same version become a part of the configuration. In a file of their own they
# would replace all that it says of the same plugin: containerd 1 merges its files by whole plugins. A table that both have
# becomes one, a key that both have is the settings'.
take_in() {
	version=$(version_of "$2")
	[ "${version:-$(version_of "$1")}" = "$(version_of "$1")" ] || return 0
	awk -f /dev/fd/3 "$2" "$1" >"$1.new" 3<<-'AWK'
		# names in a header or of a key, up to what ends them, however they are quoted and set apart
		function names(line, end,   i, c, quote, out) {
			for (i = 1; i <= length(line); i++) {
				c = substr(line, i, 1)
				if (quote != "" && c == quote) quote = ""
				else if (quote != "") out = out c
				else if (c == "\"" || c == "\047") quote = c
				else if (c == end) break
				else if (c == ".") out = out SUBSEP
				else if (index("[ \t", c) == 0) out = out c
			}
			return out
		}
		function header(line) { return names(line, "]") }
		function key(line) { return names(line, "=") }
		# the settings: what stands before any table, and the lines of each table
		FNR == NR && /^[ \t]*\[/ {
			table = header($0)
			written[++tables] = $0
			# each [[table]] is one of its own
			if ($0 ~ /^[ \t]*\[\[/) table = "[[" tables
			of[tables] = table
			if (table ~ "(^|" SUBSEP ")registry" SUBSEP "(mirrors|configs)(" SUBSEP "|$)") own_registries = 1
			next
		}
		FNR == NR && table == "" {
			if (key($0) == "version") next
			top = top $0 "\n"
			if ($0 ~ /=/) given[table, key($0)] = 1
			next
		}
		FNR == NR { lines[table] = lines[table] $0 "\n"; if ($0 ~ /=/) given[table, key($0)] = 1; next }
		# the configuration: its tables get what the settings have for them, which counts for more
		FNR == 1 { printf "%s", top }
		/^[ \t]*\[/ { inside = header($0); print; printf "%s", lines[inside]; taken[inside] = 1; next }
		(inside, key($0)) in given { next }
		# containerd takes mirrors in its configuration, or a folder of them
		own_registries && key($0) == "config_path" { next }
		{ print }
		END {
			for (i = 1; i <= tables; i++) {
				if (of[i] in taken) continue
				print written[i]
				printf "%s", lines[of[i]]
				taken[of[i]] = 1
			}
		}
	AWK
	mv "$1.new" "$1"
	rm "$2"
}

# cgroup_driver CONTAINERD_CONFIG FOLDER: up to 1.21 kubeadm leaves the kubelet its own default, cgroupfs, with which no
# container starts where containerd's are systemd's. In a file of its own: /etc/default/kubelet is the platform's.
cgroup_driver() {
	lower "${kubernetes_series#v}" 1.22 || return 0
	systemd_cgroup "$1" || return 0
	mkdir -p "$2"
	cat >"$2/20-cgroup-driver.conf" <<-'END'
		[Service]
		Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml --cgroup-driver=systemd"
	END
}

# containerd 1 reads versions up to 2, in which the plugin has another name than in version 3.
containerd_config() {
	echo "$IMPORTS"
	case $(containerd --version | awk '{print $3}') in
		2.* | v2.*)
			cat <<-END
				version = 3
				[plugins.'io.containerd.cri.v1.images'.pinned_images]
				sandbox = "$1"
				[plugins.'io.containerd.cri.v1.images'.registry]
				config_path = "/etc/containerd/certs.d"
				[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
				runtime_type = "io.containerd.runc.v2"
				[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
				SystemdCgroup = true
				[plugins.'io.containerd.cri.v1.runtime'.cni]
				bin_dir = "/opt/cni/bin"
			END
			;;
		*)
			cat <<-END
				version = 2
				[plugins."io.containerd.grpc.v1.cri"]
				sandbox_image = "$1"
				[plugins."io.containerd.grpc.v1.cri".registry]
				config_path = "/etc/containerd/certs.d"
				[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
				runtime_type = "io.containerd.runc.v2"
				[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
				SystemdCgroup = true
				[plugins."io.containerd.grpc.v1.cri".cni]
				bin_dir = "/opt/cni/bin"
			END
			;;
	esac
}

case ${1:-} in
	runtime | kubernetes | configure) "$1" ;;
	*) fail "expected runtime, kubernetes or configure, got \"${1:-}\"" ;;
esac
