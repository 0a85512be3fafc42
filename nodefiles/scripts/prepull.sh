#!/bin/sh
# Images that the machine starts with: those that kubeadm lists, but for the ones in $prepull_without, those in
# $prepull_images, and archives from $prepull_archives. Kept by digest in /usr/share/nodebuild/kubernetes/images.
. "${NODEBUILD_LIB:-/usr/local/lib/nodebuild}/common.sh"

LIST=/usr/share/nodebuild/kubernetes/images
work=
hosts=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT

# Names of kubeadm's images, and the rest, one a line.
wanted() {
	listed=$(kubeadm config images list --kubernetes-version "v$KUBERNETES_VERSION" \
		${kubernetes_container_registry:+--image-repository "$kubernetes_container_registry"} 2>/dev/null) ||
		fail "kubeadm does not list its images"
	for image in $listed; do
		name=${image##*/}
		case " ${prepull_without:-} " in
			*" ${name%%:*} "*) ;;
			*) echo "$image" ;;
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
		*.*/* | *:*/* | localhost/*) echo "$name" ;;
		*/*) echo "docker.io/$name" ;;
		*) echo "docker.io/library/$name" ;;
	esac
}

pull() {
	image=$1
	say "pulling $image"
	set -- -n k8s.io images pull --platform "linux/$arch" ${hosts:+--hosts-dir "$hosts"} "$1"
	if [ -s /run/secrets/registry ]; then set -- "$@" --user "$(cat /run/secrets/registry)"; fi
	ctr "$@" >/dev/null || fail "cannot pull $image"
}

pull_all() {
	[ "${prepull:-true}" = true ] || return 0
	case $(uname -m) in
		x86_64) arch=amd64 ;;
		aarch64) arch=arm64 ;;
		*) fail "no images are known for $(uname -m)" ;;
	esac
	systemctl is-active --quiet containerd || systemctl start containerd
	work=$(mktemp -d)
	hosts=
	if [ -n "${PREPULL_MIRROR:-}" ]; then
		# A mirror of all registries while building; nothing of it stays.
		hosts=$work/hosts
		mkdir -p "$hosts/_default"
		printf '[host."%s"]\n  capabilities = ["pull", "resolve"]\n' "$PREPULL_MIRROR" >"$hosts/_default/hosts.toml"
	fi
	wanted >"$work/wanted"
	while read -r image; do
		full=$(full_name "$image")
		pull "$full" </dev/null
	done <"$work/wanted"
	for address in ${prepull_archives:-}; do
		say "importing $address"
		curl -fsSL --retry 3 -o "$work/archive" "$address"
		ctr -n k8s.io images import --platform "linux/$arch" "$work/archive" >/dev/null
	done
	mkdir -p "$(dirname "$LIST")"
	ctr -n k8s.io images ls | awk 'NR > 1 && $1 !~ /^sha256:/ {print $1, $3}' | sort >"$LIST"
	# An image without content for this architecture would be found missing only when it is started.
	incomplete=$(ctr -n k8s.io images check | awk 'NR > 1 && $4 !~ /complete/ {print $1}')
	[ -z "$incomplete" ] || fail "images are not complete: $incomplete"
	cat "$LIST"
}

case ${1:-} in
	pull) pull_all ;;
	*) fail "expected pull, got \"${1:-}\"" ;;
esac
