#!/bin/sh
# Builds Kubernetes 1.20.2 from Debian 12's own source package: no other machine need be reached than the host's package
# mirror. Needs Debian 12 or its mirror in apt's sources; takes five minutes on two cores, once.
#   build-kubernetes.sh FOLDER      leaves FOLDER/bin/kubeadm, kubelet, kubectl, kube-*, pause
# What an earlier run has finished is kept: it can be ended and called again. GOFLAGS=-p=1 takes one core.
set -eu

work=$1
VERSION=1.20.2
mkdir -p "$work/bin" "$work/debs"
work=$(cd "$work" && pwd)
[ ! -e "$work/bin/.complete" ] || [ ! -e "$work/source/.reflect2" ] || exit 0

say() { echo "k8s-mirror: $*" >&2; }

# The first address of the Debian archive that the host's apt knows.
mirror() {
	{
		sed -n 's/^URIs:[[:space:]]*//p' /etc/apt/sources.list.d/*.sources 2>/dev/null || true
		sed -n 's/^deb\(-src\)\{0,1\}[[:space:]]*\(\[[^]]*\]\)\{0,1\}[[:space:]]*\([^ ]*\) .*/\3/p' /etc/apt/sources.list \
			/etc/apt/sources.list.d/*.list 2>/dev/null || true
	} | tr ' ' '\n' | while read -r address; do
		curl -sfI --max-time 20 "${address%/}/dists/bookworm/main/source/Sources.xz" >/dev/null || continue
		echo "${address%/}"
		break
	done
}

fetch_source() {
	address=$(mirror)
	[ -n "$address" ] || {
		say "no archive of bookworm in apt's sources"
		exit 1
	}
	[ -s "$work/Sources.xz" ] || curl -sf -o "$work/Sources.xz" "$address/dists/bookworm/main/source/Sources.xz"
	entry=$(xz -dc "$work/Sources.xz" | awk -v RS= '/^Package: kubernetes\n/')
	folder=$(echo "$entry" | sed -n 's/^Directory: //p')
	# shellcheck disable=SC2046 # a digest and a name
	set -- $(echo "$entry" | sed -n '/^Checksums-Sha256:/,/^[A-Z]/s/^ \([0-9a-f]\{64\}\) [0-9]* \(.*orig\.tar\.[a-z]*\)$/\1 \2/p')
	if [ ! -s "$work/$2" ]; then
		say "fetching $2"
		curl -sf -o "$work/$2.part" "$address/$folder/$(echo "$2" | sed 's/+/%2B/g')"
		echo "$1  $work/$2.part" | sha256sum -c --quiet
		mv "$work/$2.part" "$work/$2"
	fi
	rm -rf "$work/source.part"
	mkdir "$work/source.part"
	tar -xf "$work/$2" -C "$work/source.part" --strip-components=1
	mv "$work/source.part" "$work/source"
}

# Kubernetes 1.20 has a reflect2 whose idea of Go's maps ended with Go 1.17: what is built with it panics where it writes
# JSON or YAML. Debian has the release after it.
replace_reflect2() {
	(cd "$work/debs" && apt-get download -q golang-github-modern-go-reflect2-dev >&2)
	rm -rf "$work/reflect2"
	dpkg-deb -x "$work"/debs/golang-github-modern-go-reflect2-dev_*.deb "$work/reflect2"
	target="$work/source/vendor/github.com/modern-go/reflect2"
	rm -rf "$target"
	mv "$work/reflect2/usr/share/gocode/src/github.com/modern-go/reflect2" "$target"
	# What was built before was built with the old one.
	rm -f "$work"/bin/kube*
	touch "$work/source/.reflect2"
}

# Go as Debian has it, unpacked beside the system's packages.
fetch_go() {
	(cd "$work/debs" && apt-get download -q golang-1.19-go golang-1.19-src >&2)
	rm -rf "$work/root.part"
	mkdir "$work/root.part"
	for deb in "$work"/debs/golang-*.deb; do dpkg-deb -x "$deb" "$work/root.part"; done
	mv "$work/root.part" "$work/root"
}

go_build() {
	P=k8s.io/kubernetes/vendor/k8s.io/component-base/version
	target="$work/bin/$(basename "$1")"
	"$GOROOT/bin/go" build -o "$target.part" \
		-ldflags "-s -w -X $P.gitVersion=v$VERSION -X $P.gitMajor=1 -X $P.gitMinor=20 -X $P.gitTreeState=clean" "$1"
	mv "$target.part" "$target"
}

# kube-apiserver needs definitions that upstream generates and does not ship.
generate_openapi() {
	go_build ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
	# The mark stands at whole packages and at single types, such as IntOrString.
	packages=$(grep -rl --include='*.go' --exclude='*_test.go' '+k8s:openapi-gen=true' pkg staging/src vendor/k8s.io cmd \
		2>/dev/null | grep -v -e /kube-openapi/ -e /code-generator/ -e /sample-apiserver/ |
		xargs -n1 dirname | sed -e 's#^staging/src/#k8s.io/kubernetes/vendor/#' -e 's#^vendor/#k8s.io/kubernetes/vendor/#' \
		-e '/^k8s.io/!s#^#k8s.io/kubernetes/#' | sort -u | paste -sd,)
	"$work/bin/openapi-gen" -O zz_generated.openapi -p k8s.io/kubernetes/pkg/generated/openapi \
		-h hack/boilerplate/boilerplate.generatego.txt -i "$packages" \
		-r "$work/openapi-violations" >/dev/null 2>"$work/openapi.log"
	rm "$work/bin/openapi-gen"
}

[ -d "$work/source" ] || fetch_source
[ -e "$work/source/.reflect2" ] || replace_reflect2
GOROOT="$work/root/usr/lib/go-1.19"
[ -d "$work/root" ] || fetch_go
export GOROOT GOPATH="$work/gopath" GOCACHE="$work/gocache" GO111MODULE=off CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-}" PATH="$GOROOT/bin:$PATH"
mkdir -p "$GOPATH/src/k8s.io"
ln -sfn "$work/source" "$GOPATH/src/k8s.io/kubernetes"
cd "$GOPATH/src/k8s.io/kubernetes"
for name in kubeadm kubelet kubectl kube-controller-manager kube-scheduler kube-proxy; do
	[ ! -x "$work/bin/$name" ] || continue
	say "building $name"
	go_build "./cmd/$name"
	# It writes a configuration: a library that does not go with this Go is found now, not in a cluster.
	[ "$name" != kubeadm ] ||
		"$work/bin/kubeadm" config print init-defaults --component-configs KubeletConfiguration >/dev/null 2>"$work/kubeadm.log" || {
		say "kubeadm does not work: $(grep -m 1 . "$work/kubeadm.log")"
		rm "$work/bin/kubeadm"
		exit 1
	}
done
if [ ! -x "$work/bin/kube-apiserver" ]; then
	say "building kube-apiserver"
	generate_openapi
	go_build ./cmd/kube-apiserver
fi
cc -Os -Wall -static -DVERSION=v3.2 -o "$work/bin/pause" build/pause/linux/pause.c 2>/dev/null ||
	cc -Os -Wall -static -DVERSION=v3.2 -o "$work/bin/pause" build/pause/pause.c
touch "$work/bin/.complete"
