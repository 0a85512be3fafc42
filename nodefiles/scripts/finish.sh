#!/bin/sh
# The last steps of a node image: finish.sh executables, then, after everything of the user's, finish.sh ROLE
. "${NODEBUILD_LIB:-/usr/local/lib/nodebuild}/common.sh"

DISABLED=.nodebuild-disabled

executables() {
	for address in ${executables:-}; do
		target=${additional_executables_destination_path:-/usr/local/bin}
		mkdir -p "$target"
		# A query is no part of the name; the profile has seen to it that there is one.
		name=${address%%[?#]*}
		name=${name##*/}
		download "$target/$name" "$address" || fail "cannot fetch $address"
		chmod 755 "$target/$name"
	done
}

# What is only there for the build, by remove_extra_repos; noted, so that the suite can look for it in the image.
remove_extra() {
	[ "${remove_extra_repos:-false}" = true ] || return 0
	set -- /etc/pip.conf /etc/apt/sources.list.d/kubernetes.list /etc/apt/keyrings/kubernetes.gpg /etc/yum.repos.d/kubernetes.repo
	for word in ${extra_repos_content:-}; do
		name=$(basename "${word%%:*}")
		set -- "$@" "/etc/apt/sources.list.d/$name" "/etc/yum.repos.d/$name"
	done
	rm -f "$@"
	stamp removed "$(printf '%s\n' "$@")"
}

repositories() {
	rm -f "$APT_LISTS"
	if [ "${reenable_public_repos:-true}" != true ]; then
		stamp disabled-repositories "${disable_public_repos:-false}"
		return 0
	fi
	for file in /etc/apt/sources.list"$DISABLED" /etc/apt/sources.list.d/*"$DISABLED" /etc/yum.repos.d/*"$DISABLED"; do
		[ ! -e "$file" ] || mv "$file" "${file%"$DISABLED"}"
	done
}

# A registration with Red Hat is this machine's alone; a role of the user's may have made one.
unregister() {
	command -v subscription-manager >/dev/null || return 0
	if subscription-manager identity >/dev/null 2>&1; then subscription-manager unregister; fi
	subscription-manager clean
}

# Nothing of a cluster belongs into an image.
no_cluster() {
	found=$(find /etc/kubernetes -type f 2>/dev/null | tr '\n' ' ')
	for path in /var/lib/kubelet/config.yaml /var/lib/kubelet/pki /var/lib/etcd/member; do
		[ ! -e "$path" ] || found="$found $path"
	done
	for path in /root/.kube /home/*/.kube /etc/cni/net.d/*; do
		[ ! -e "$path" ] || found="$found $path"
	done
	[ -z "$found" ] || fail "expected nothing of a cluster in the image, got:$found"
}

# off UNIT...: neither started at boot nor running. What is so already is left alone: systemd reads all units anew each time
# that one is disabled, which takes seconds on an emulated machine.
off() {
	for unit in "$@"; do
		if systemctl is-enabled --quiet "$unit" 2>/dev/null; then
			systemctl disable --now "$unit" 2>/dev/null || true
		elif systemctl is-active --quiet "$unit"; then
			systemctl stop "$unit"
		fi
	done
}

finish() {
	remove_extra
	repositories
	unregister
	no_cluster
	stamp role "$1"
	[ "${kubernetes_enable_kubelet:-false}" = true ] || off kubelet
	off apt-daily.timer apt-daily-upgrade.timer dnf-makecache.timer
	rm -rf /usr/local/lib/nodebuild
}

case ${1:-} in
	executables) executables ;;
	worker | control-plane | combined) finish "$1" ;;
	*) fail "expected executables, worker, control-plane or combined, got \"${1:-}\"" ;;
esac
