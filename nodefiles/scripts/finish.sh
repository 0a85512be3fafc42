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

# What is only there for the build, by remove_extra_repos: it goes, and what the base had in its place comes back.
remove_extra() {
	[ "${remove_extra_repos:-false}" = true ] && [ -e "$ADDED/files" ] || return 0
	while read -r file; do
		rm -f "$file"
		if [ -e "$ADDED/base$file" ] || [ -L "$ADDED/base$file" ]; then mv "$ADDED/base$file" "$file"; fi
	done <"$ADDED/files"
}

# Noted when the base's files are there again, so that the suite can look for the rest in the image.
note_removed() {
	[ "${remove_extra_repos:-false}" = true ] && [ -e "$ADDED/files" ] || return 0
	stamp removed "$(while read -r file; do [ -e "$file" ] || [ -L "$file" ] || echo "$file"; done <"$ADDED/files")"
}

repositories() {
	rm -f "$APT_LISTS"
	if [ "${reenable_public_repos:-true}" != true ]; then
		stamp disabled-repositories "${disable_public_repos:-false}"
		# A machine's first boot would write the public ones anew.
		if [ "${disable_public_repos:-false}" = true ] && [ "$FAMILY" = debian ]; then
			mkdir -p /etc/cloud/cloud.cfg.d
			echo 'apt: {preserve_sources_list: true}' >/etc/cloud/cloud.cfg.d/zz-kubernetes-apt.cfg
		fi
		return 0
	fi
	for file in /etc/apt/sources.list"$DISABLED" /etc/apt/sources.list.d/*"$DISABLED" /etc/yum.repos.d/*"$DISABLED"; do
		[ -e "$file" ] || continue
		name=${file%"$DISABLED"}
		[ ! -e "$name" ] || ! added "$name" || give_way "$name"
		mv "$file" "$name"
	done
}

# give_way FILE: one of extra_repos that is to stay, and is called as one of the base's, gets another name.
give_way() {
	other=${1%/*}/extra-${1##*/}
	while [ -e "$other" ] || [ -e "$other$DISABLED" ]; do other=${other%/*}/extra-${other##*/}; done
	mv "$1" "$other"
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
	note_removed
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
