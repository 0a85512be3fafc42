#!/bin/sh
# Images that the machine starts with: those that kubeadm lists, but for the ones in $prepull_without, those in
# $prepull_images, and archives from $prepull_archives. Kept by digest in /usr/share/nodebuild/kubernetes/images.
. "${NODEBUILD_LIB:-/usr/local/lib/nodebuild}/common.sh"

LIST=/usr/share/nodebuild/kubernetes/images
work=
hosts=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT

# What containerd was told to start pods with: kubeadm's, or $pause_image.
pause_of_containerd() {
	cat /usr/share/nodebuild/kubernetes/pause 2>/dev/null || true
}

# Names of kubeadm's images, and the rest, one a line.
wanted() {
	pause=$(pause_of_containerd)
	listed=$(kubeadm config images list --kubernetes-version "v$KUBERNETES_VERSION" \
		${kubernetes_container_registry:+--image-repository "$kubernetes_container_registry"} 2>/dev/null) ||
		fail "kubeadm does not list its images"
	for image in $listed; do
		name=${image##*/}
		case " ${prepull_without:-} " in
			*" ${name%%:*} "*) continue ;;
		esac
		echo "$image"
		# kubeadm wants its own to be there, too, before it goes on.
		case $name in
			pause[:@]*) [ "${pause:-$image}" = "$image" ] || echo "$pause" ;;
		esac
	done
	for image in ${prepull_images:-}; do echo "$image"; done
}

# "debian" alone is docker.io/library/debian:latest, which ctr wants written out.
full_name() {
	name=$1
	case ${name##*/} in
		*@* | *:*) ;;
		*) name="$name:latest" ;;
	esac
	case $name in
		docker.io/*/*) echo "$name" ;;
		docker.io/*) echo "docker.io/library/${name#*/}" ;;
		*.*/* | *:*/* | localhost/*) echo "$name" ;;
		*/*) echo "docker.io/$name" ;;
		*) echo "docker.io/library/$name" ;;
	esac
}

# host_file FOLDER ADDRESS [USER:PASSWORD]: how containerd reaches a registry; for basic authentication only.
host_file() {
	mkdir -p "$hosts/$1"
	{
		printf '[host."%s"]\n  capabilities = ["pull", "resolve"]\n' "$2"
		[ -z "${3:-}" ] ||
			printf '[host."%s".header]\n  authorization = "Basic %s"\n' "$2" "$(printf '%s' "$3" | base64 -w0)"
	} >"$hosts/$1/hosts.toml"
}

# $PREPULL_MIRROR stands for all registries; the secret has lines "REGISTRY USER:PASSWORD".
registries() {
	mirror=${PREPULL_MIRROR:-}
	while [ "$mirror" != "${mirror%/}" ]; do mirror=${mirror%/}; done
	[ -z "$mirror" ] || host_file _default "$mirror"
	host=${mirror#*://}
	lines_of "${NODEBUILD_REGISTRY_SECRET:-/run/secrets/registry}" | while read -r registry credentials; do
		case $registry in
			"$host" | "${host%%/*}") host_file _default "$mirror" "$credentials" ;;
			# Docker's, whose server has another name.
			docker.io) host_file docker.io https://registry-1.docker.io "$credentials" ;;
			*) host_file "$registry" "https://$registry" "$credentials" ;;
		esac
	done
}

pull() {
	image=$1
	say "pulling $image"
	# shellcheck disable=SC2086 # an option or none
	ctr -n k8s.io images pull $local --platform "linux/$arch" --hosts-dir "$hosts" "$image" >/dev/null ||
		fail "cannot pull $image"
}

pull_all() {
	mkdir -p "$(dirname "$LIST")"
	[ "${prepull:-true}" = true ] || { : >"$LIST" && return 0; }
	case $(uname -m) in
		x86_64) arch=amd64 ;;
		aarch64) arch=arm64 ;;
		*) fail "no images are known for $(uname -m)" ;;
	esac
	systemctl is-active --quiet containerd || systemctl start containerd
	# In memory: neither the mirror nor passwords reach the disk.
	work=$(mktemp -d -p /run)
	hosts=$work/hosts
	mkdir "$hosts"
	registries
	# Newer ones have containerd itself pull, which knows nothing of this step's proxy.
	local=
	! ctr images pull --help 2>/dev/null | grep -q -e '--local' || local=--local
	wanted >"$work/wanted"
	while read -r image; do
		full=$(full_name "$image")
		pull "$full" </dev/null
	done <"$work/wanted"
	for address in ${prepull_archives:-}; do
		say "importing $address"
		download /var/tmp/nodebuild-archive "$address" || fail "cannot fetch $address"
		ctr -n k8s.io images import --platform "linux/$arch" /var/tmp/nodebuild-archive >/dev/null
		rm /var/tmp/nodebuild-archive
	done
	ctr -n k8s.io images ls | awk 'NR > 1 && $1 !~ /^sha256:/ {print $1, $3}' | sort >"$LIST"
	# A registry may answer with what it has, whatever was asked for; platforms are a column of the list.
	foreign=$(ctr -n k8s.io images ls | awk -v want="linux/$arch" 'NR > 1 && index($0, want) == 0 {print $1}')
	[ -z "$foreign" ] || fail "images are not for linux/$arch: $foreign"
	# An image without content for this architecture would be found missing only when it is started.
	incomplete=$(ctr -n k8s.io images check | awk 'NR > 1 && $4 !~ /complete/ {print $1}')
	[ -z "$incomplete" ] || fail "images are not complete: $incomplete"
	cat "$LIST"
}

case ${1:-} in
	pull) pull_all ;;
	*) fail "expected pull, got \"${1:-}\"" ;;
esac
