#!/bin/sh
# What the scripts of the Kubernetes Nodefiles share; they read it with ".".
set -eu

say() { echo "nodebuild: $*"; }

fail() {
	echo "nodebuild: $*" >&2
	exit 1
}

# debian or rhel, by /etc/os-release (NODEBUILD_OS_RELEASE for tests).
family() {
	(
		# shellcheck disable=SC1090,SC1091
		. "${NODEBUILD_OS_RELEASE:-/etc/os-release}"
		for id in ${ID:-} ${ID_LIKE:-}; do
			case $id in
				debian | ubuntu) echo debian && exit 0 ;;
				rhel | fedora | centos | rocky | almalinux | amzn | ol) echo rhel && exit 0 ;;
			esac
		done
		echo "nodebuild: expected a system of the Debian or the RHEL family, got ${PRETTY_NAME:-${ID:-none}}" >&2
		exit 1
	)
}

# Told once, so that an unknown system ends every script at its beginning.
FAMILY=$(family)

# Whether version $1 is lower than $2; dots and tildes as package managers count them.
lower() {
	[ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# apt's own locks are waited for: a timer of the base may hold them.
apt_get() {
	DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
		-o Acquire::Retries=3 -o Dpkg::Options::=--force-confold "$@"
}

APT_LISTS=${NODEBUILD_APT_LISTS:-/run/nodebuild-apt-lists}

# Lists are fetched once while a machine runs; sealing removes them. A machine that was frozen may go on days later, when
# they no longer say what is there.
apt_lists() {
	[ -z "$(find "$APT_LISTS" -mmin -15 2>/dev/null)" ] || return 0
	apt_get update
	touch "$APT_LISTS"
}

dnf_() { dnf -y -q --setopt=install_weak_deps=False --setopt=retries=3 "$@"; }

# install_packages NAME...
install_packages() {
	case $FAMILY in
		debian)
			apt_lists
			apt_get install --no-install-recommends "$@"
			;;
		# Minimal systems have curl-minimal and the like, which the whole package replaces.
		rhel) dnf_ install --allowerasing "$@" ;;
	esac
}

# What the build adds to the system for itself: paths in "files", and below "base" what stood in their place.
ADDED=${NODEBUILD_ADDED:-/usr/local/lib/nodebuild/added}

# adds FILE: before the build writes it, so that finish.sh can remove it and put back what the base had.
adds() {
	! added "$1" || return 0
	mkdir -p "$ADDED"
	echo "$1" >>"$ADDED/files"
	[ -e "$1" ] || [ -L "$1" ] || return 0
	mkdir -p "$ADDED/base${1%/*}"
	mv "$1" "$ADDED/base$1"
}

added() { grep -Fqsx "$1" "$ADDED/files"; }

# decode_files FOLDER WORD...: each word is a file's name, a colon and its content in base64.
decode_files() {
	folder=$1
	shift
	mkdir -p "$folder"
	for word in "$@"; do
		name=$(basename "${word%%:*}")
		adds "$folder/$name"
		printf '%s' "${word#*:}" | base64 -d >"$folder/$name"
		echo "$folder/$name"
	done
}

# download FILE ADDRESS: with the password that the secret "download" has for the address's host, in lines
# "HOST USER:PASSWORD" or "HOST:PORT USER:PASSWORD". curl reads it from its standard input: everybody on the machine can read
# arguments. It gives it to no other host that it is sent on to.
download() {
	host=${2#*://}
	host=${host%%[/?#]*}
	# The port that an address has anyway.
	case $2 in
		[hH][tT][tT][pP]://*) host=${host%:80} ;;
		*) host=${host%:443} ;;
	esac
	login_of "$host" "${NODEBUILD_DOWNLOAD_SECRET:-/run/secrets/download}" |
		sed 's/[\\"]/\\&/g; s/.*/user = "&"/' |
		curl -fsSL --retry 3 -K - -o "$1" "$2"
}

# login_of HOST FILE: what the last line for a host says; names of hosts have no case.
login_of() {
	wanted=$(printf '%s' "$1" | tr '[:upper:]' '[:lower:]')
	lines_of "$2" | while read -r name rest; do
		[ "$(printf '%s' "$name" | tr '[:upper:]' '[:lower:]')" != "$wanted" ] || printf '%s\n' "$rest"
	done | tail -n 1
}

# lines_of FILE: of a secret with a name and a password in each line. It may come from Windows, have comments, or no end.
lines_of() {
	[ -s "$1" ] || return 0
	awk '{ sub(/\r$/, "") } !/^[ \t]*(#|$)/' "$1"
}

# What was decided while building, for the suite and for people.
stamp() {
	mkdir -p /usr/share/nodebuild/kubernetes
	printf '%s\n' "$2" >"/usr/share/nodebuild/kubernetes/$1"
}
