#!/usr/bin/env bash
# Unpacks the QEMU of Debian's backports into a folder of its own, beside the system's QEMU.
#
#   scripts/qemu10.sh FOLDER
#
# Nothing is installed and the host's apt configuration and lists stay as they are: apt works on a state folder that is
# thrown away, with the mirror that the host itself uses. Libraries that the host has are taken from the host.
# Last line of the output: the wrapper to name in NODEBUILD_QEMU. A qemu-img of the same version lies beside it.
set -euo pipefail

die() {
	printf 'qemu10: %s\n' "$*" >&2
	exit 1
}

[ $# -eq 1 ] || die "expected one argument, the folder to unpack into: scripts/qemu10.sh FOLDER"
command -v apt-get >/dev/null || die "expected a Debian host with apt-get; use your distribution's own QEMU instead"

# shellcheck source=/dev/null
codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
[ -n "$codename" ] || die "expected VERSION_CODENAME in /etc/os-release"
suite="$codename-backports"

mkdir -p "$1"
prefix=$(cd "$1" && pwd)
state=$(mktemp -d "${TMPDIR:-/tmp}/nodebuild-qemu.XXXXXX")
trap 'rm -rf "$state"' EXIT

# The archive that serves the host's own suite also serves its backports.
uri=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
	awk -v codename="$codename" '$1 == codename && uri == "" { uri = $2 } END { print uri }')
[ -n "$uri" ] || die "expected an apt source for '$codename' on this host, found none"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
option=""
[ ! -e "$keyring" ] || option="[signed-by=$keyring] "

mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/parts"
{
	printf 'deb %s%s %s main\n' "$option" "$uri" "$codename"
	printf 'deb %s%s %s main\n' "$option" "$uri" "$suite"
} >"$state/sources.list"
apt=(apt-get -q=2
	-o "Dir::Etc::sourcelist=$state/sources.list" -o "Dir::Etc::sourceparts=$state/parts"
	-o "Dir::Etc::preferencesparts=$state/parts" -o "Dir::State::lists=$state/lists"
	-o "Dir::State::extended_states=$state/extended_states" -o "Dir::Cache=$state/cache"
	-o Debug::NoLocking=1 -o APT::Sandbox::User= -o APT::Get::List-Cleanup=0)

printf 'qemu10: reading the package lists of %s\n' "$suite"
"${apt[@]}" update
printf 'qemu10: fetching packages\n'
# Host packages that the plan would remove or upgrade are of no account: it is only downloaded, never installed.
"${apt[@]}" install --download-only --no-install-recommends --yes --allow-downgrades --allow-remove-essential \
	--allow-change-held-packages --reinstall -t "$suite" \
	qemu-system-x86 qemu-system-common qemu-system-data qemu-system-modules-opengl \
	qemu-system-modules-spice qemu-utils seabios ipxe-qemu

printf 'qemu10: unpacking into %s\n' "$prefix"
for package in "$state"/cache/archives/*.deb; do
	dpkg-deb --extract "$package" "$prefix"
done

triplet=$(cd "$prefix/usr/lib" && for d in *-linux-gnu; do [ -d "$d/qemu" ] && printf '%s' "$d"; done)
mkdir -p "$prefix/bin"
wrap() { # wrap PROGRAM [ARGUMENT...]: a script that runs the unpacked PROGRAM with its own libraries and modules
	local program=$1
	shift
	{
		printf '#!/bin/sh\n'
		printf 'export LD_LIBRARY_PATH=%q${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\n' \
			"$prefix/usr/lib/$triplet:$prefix/lib/$triplet"
		printf 'export QEMU_MODULE_DIR=%q\n' "$prefix/usr/lib/$triplet/qemu"
		printf 'exec %q' "$prefix/usr/bin/$program"
		[ $# -eq 0 ] || printf ' %q' "$@"
		printf ' "$@"\n'
	} >"$prefix/bin/$program"
	chmod 755 "$prefix/bin/$program"
}
wrap qemu-system-x86_64 -L "$prefix/usr/share/qemu" -L "$prefix/usr/share/seabios" -L "$prefix/usr/lib/ipxe/qemu"
wrap qemu-img

"$prefix/bin/qemu-system-x86_64" --version | head -n 1
"$prefix/bin/qemu-img" --version | head -n 1
printf '%s\n' "$prefix/bin/qemu-system-x86_64"
