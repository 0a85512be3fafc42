#!/bin/sh
# The last steps of a node image: finish.sh executables, then, after everything of the user's, finish.sh ROLE
. "${NODEBUILD_LIB:-/usr/local/lib/nodebuild}/common.sh"

DISABLED=.nodebuild-disabled

executables() {
	for address in ${executables:-}; do
		target=${additional_executables_destination_path:-/usr/local/bin}
		mkdir -p "$target"
		curl -fsSL --retry 3 -o "$target/$(basename "$address")" "$address"
		chmod 755 "$target/$(basename "$address")"
	done
}

repositories() {
	for folder in /etc/apt/sources.list.d /etc/yum.repos.d; do
		for word in ${extra_repos_content:-}; do
			[ "${remove_extra_repos:-false}" != true ] || rm -f "$folder/$(basename "${word%%:*}")"
		done
		[ "${reenable_public_repos:-true}" = true ] || continue
		for file in /etc/apt/sources.list"$DISABLED" "$folder"/*"$DISABLED"; do
			[ ! -e "$file" ] || mv "$file" "${file%"$DISABLED"}"
		done
	done
	if [ "${remove_extra_repos:-false}" = true ]; then
		rm -f /etc/pip.conf /etc/apt/sources.list.d/kubernetes.list /etc/yum.repos.d/kubernetes.repo
	fi
	rm -f /run/nodebuild-apt-lists
}

# Nothing of a cluster belongs into an image.
no_cluster() {
	found=
	for path in /etc/kubernetes/pki /etc/kubernetes/admin.conf /etc/kubernetes/kubelet.conf \
		/etc/kubernetes/bootstrap-kubelet.conf /var/lib/kubelet/config.yaml /var/lib/kubelet/pki /var/lib/etcd/member; do
		[ ! -e "$path" ] || found="$found $path"
	done
	for path in /etc/kubernetes/manifests/* /root/.kube /home/*/.kube /etc/cni/net.d/*; do
		[ ! -e "$path" ] || found="$found $path"
	done
	[ -z "$found" ] || fail "expected nothing of a cluster in the image, got:$found"
}

finish() {
	repositories
	no_cluster
	stamp role "$1"
	if [ "${kubernetes_enable_kubelet:-false}" != true ]; then systemctl disable --now kubelet 2>/dev/null || true; fi
	systemctl disable --now apt-daily.timer apt-daily-upgrade.timer 2>/dev/null || true
	rm -rf /usr/local/lib/nodebuild
}

case ${1:-} in
	executables) executables ;;
	worker | control-plane | combined) finish "$1" ;;
	*) fail "expected executables, worker, control-plane or combined, got \"${1:-}\"" ;;
esac
