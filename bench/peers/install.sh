#!/usr/bin/env bash
# Installs the tools that nodebuild is measured against, from a Debian host's own packages.
set -euo pipefail

[ "$(id -u)" = 0 ] || { echo "install.sh: expected root, to install packages" >&2; exit 1; }
command -v apt-get >/dev/null || { echo "install.sh: expected a Debian host with apt-get" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
apt-get update
# libguestfs boots an appliance from a kernel of the host's packages.
apt-get install -y --no-install-recommends packer guestfs-tools linux-image-cloud-amd64 buildah xorriso openssh-client mmdebstrap
mkdir -p "/lib/modules/$(uname -r)"
