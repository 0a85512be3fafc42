#!/bin/sh
# The common system: base-os.sh repositories|update|packages|configure|extra
. "${NODEBUILD_LIB:-/usr/local/lib/nodebuild}/common.sh"

# Disabled files get this ending, so that finish.sh finds them.
DISABLED=.nodebuild-disabled

# Where containerd.io is installed, as always on the RHEL family, it brings its own runc and conflicts with another one.
COMMON="cloud-init qemu-guest-agent openssh-server chrony iptables nftables socat ipset jq curl wget openssl
ca-certificates"
DEBIAN="runc auditd conntrack ebtables gnupg lsb-release apt-transport-https cloud-guest-utils"
RHEL="audit conntrack-tools gnupg2 cloud-utils-growpart iptables-nft"

repositories() {
	case $FAMILY in
		debian) sources=/etc/apt/sources.list.d ;;
		rhel) sources=/etc/yum.repos.d ;;
	esac
	if [ "${disable_public_repos:-false}" = true ]; then
		for file in /etc/apt/sources.list "$sources"/*.list "$sources"/*.sources "$sources"/*.repo; do
			[ ! -s "$file" ] || mv "$file" "$file$DISABLED"
		done
		rm -f "$APT_LISTS"
	fi
	# shellcheck disable=SC2086 # one word for each file
	decode_files "$sources" ${extra_repos_content:-}
	if [ -n "${pip_conf_content:-}" ]; then
		adds /etc/pip.conf
		printf '%s' "${pip_conf_content#*:}" | base64 -d >/etc/pip.conf
	fi
}

update() {
	stamp os-patch "${OS_PATCH:-}"
	# Nothing but this build installs packages from here on.
	for unit in apt-daily.timer apt-daily-upgrade.timer unattended-upgrades.service dnf-automatic.timer \
		dnf-automatic-install.timer dnf-makecache.timer; do
		systemctl disable --now "$unit" 2>/dev/null || true
	done
	case $FAMILY in
		debian)
			rm -f "$APT_LISTS"
			apt_lists
			apt_get dist-upgrade
			;;
		rhel) dnf_ upgrade ;;
	esac
}

packages() {
	# shellcheck disable=SC2086
	case $FAMILY in
		debian)
			apt_lists
			# Ubuntu has it from 23.04 on.
			yq=yq
			apt-cache show yq >/dev/null 2>&1 || { yq= && say "no package yq in the repositories"; }
			install_packages $COMMON $DEBIAN $yq
			apt_get purge ntp ntpsec 2>/dev/null || true
			;;
		rhel)
			install_packages $COMMON $RHEL
			# EPEL has it, the distribution has not.
			install_packages yq || say "no package yq in the repositories"
			dnf_ remove ntp ntpsec 2>/dev/null || true
			;;
	esac
}

configure() {
	printf '%s\n' overlay br_netfilter >/etc/modules-load.d/kubernetes.conf
	cat >/etc/sysctl.d/99-kubernetes.conf <<-'END'
		net.bridge.bridge-nf-call-iptables = 1
		net.bridge.bridge-nf-call-ip6tables = 1
		net.ipv4.ip_forward = 1
		net.ipv6.conf.all.forwarding = 1
		net.ipv6.conf.all.disable_ipv6 = 0
		vm.overcommit_memory = 1
		kernel.panic = 10
		kernel.panic_on_oops = 1
	END
	modprobe overlay
	modprobe br_netfilter
	sysctl -q -p /etc/sysctl.d/99-kubernetes.conf
	swapoff -a
	sed -i -E 's/^([^#[:space:]]+[[:space:]]+[^[:space:]]+[[:space:]]+swap[[:space:]])/# \1/' /etc/fstab
	systemctl mask swap.target
	mkdir -p /etc/cloud/cloud.cfg.d
	# The last file counts, in the order of bytes: bases have a list of their own, in 90_dpkg.cfg or 99-installer.cfg.
	cat >/etc/cloud/cloud.cfg.d/zz-kubernetes.cfg <<-'END'
		datasource_list: [NoCloud, ConfigDrive, None]
		growpart: {mode: auto, devices: [/]}
	END
	[ "$FAMILY" = debian ] || configure_rhel
	for unit in chrony chronyd auditd qemu-guest-agent ssh sshd; do
		! systemctl cat "$unit.service" >/dev/null 2>&1 || systemctl enable "$unit.service" 2>/dev/null || true
	done
}

# SELinux permissive now and after reboots; no firewall of the system between the node's own rules.
configure_rhel() {
	[ ! -e /etc/selinux/config ] || sed -i 's/^SELINUX=.*/SELINUX=permissive/' /etc/selinux/config
	setenforce 0 2>/dev/null || true
	systemctl disable --now firewalld 2>/dev/null || true
}

extra() {
	case $FAMILY in
		debian) words=${extra_debs:-} ;;
		rhel) words=${extra_rpms:-} ;;
	esac
	# shellcheck disable=SC2086
	[ -z "$words" ] || install_packages $words
}

case ${1:-} in
	repositories | update | packages | configure | extra) "$1" ;;
	*) fail "expected repositories, update, packages, configure or extra, got \"${1:-}\"" ;;
esac
