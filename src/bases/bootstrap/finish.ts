/** What makes a tree of packages a cloud image: the script that runs on it once everything is installed. */
import type { BootstrapSource } from "../../plan/base-map.ts";

export interface Identity {
	/** UUID of the root file system. */
	readonly root: string;
	/** Volume id of the EFI system partition, as "1234-ABCD". */
	readonly efi: string;
}

export const KERNEL_ARGUMENTS = "console=tty0 console=ttyS0,115200";

/**
 * fstab, wanted before the packages are installed: the initramfs takes the root's fsck along only when
 * fstab asks for a check.
 */
export function fstab({ root, efi }: Identity): string {
	return `UUID=${root} / ext4 errors=remount-ro 0 1\nUUID=${efi} /boot/efi vfat umask=0077,nofail 0 0\n`;
}

const HOSTS = `127.0.0.1\tlocalhost
::1\t\tlocalhost ip6-localhost ip6-loopback
ff02::1\t\tip6-allnodes
ff02::2\t\tip6-allrouters
`;

/** cloud-init's locale module fails without the package locales, and C.UTF-8 needs nothing. */
const CLOUD = `apt:
  preserve_sources_list: true
locale: false
datasource_list: [NoCloud, ConfigDrive, OpenStack, Ec2, GCE, Azure, VMware, None]
`;

const GRUB_DEFAULTS = `GRUB_TIMEOUT=0
GRUB_CMDLINE_LINUX="${KERNEL_ARGUMENTS}"
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --speed=115200"
`;

/** Modules of the first image that GRUB loads; the others it takes from /boot/grub. */
const BIOS_MODULES = "biosdisk part_gpt ext2 search_fs_uuid";
const EFI_MODULES =
	"part_gpt fat ext2 search search_fs_uuid normal configfile linux serial terminal echo test all_video gzio loadenv";

/** Host names, resolver, cloud-init and grub's settings. */
function configure(sources: string, netplan: boolean): string {
	// Without netplan, cloud-init writes for networkd itself, and nothing else starts that.
	const services = `systemd-resolved.service${netplan ? "" : " systemd-networkd.service"}`;
	return `
rm -f "$root/etc/hostname" "$root/etc/resolv.conf" "$root"/etc/ssh/ssh_host_* "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*
${file("/etc/hosts", HOSTS)}
${file("/etc/apt/sources.list.d/archive.sources", sources)}
ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
${file("/etc/default/locale", "LANG=C.UTF-8\n")}
${file("/etc/cloud/cloud.cfg.d/90_image.cfg", CLOUD)}
${file("/etc/default/grub.d/90_image.cfg", GRUB_DEFAULTS)}
chroot "$root" passwd -l root >&2
chroot "$root" systemctl enable ${services} >&2
# Looks for LVM snapshots at each boot; costs seconds in an emulated guest, and does nothing without LVM.
chroot "$root" systemctl disable e2scrub_reap.service >&2 || true
`;
}

/** A file of the image, its text after a here-document's quoted mark, so that nothing in it is expanded. */
function file(path: string, content: string): string {
	const end = content.endsWith("\n") ? "" : "\n";
	return `mkdir -p "$root${path.slice(0, path.lastIndexOf("/"))}"
cat > "$root${path}" <<'END_OF_FILE'
${content}${end}END_OF_FILE`;
}

/**
 * What grub-install and update-grub would do, without a block device: images and modules in /boot/grub,
 * and a first grub.cfg. A later update-grub in the guest writes that anew.
 */
function grub({ root }: Identity, title: string, bios: boolean): string {
	const find = `search.fs_uuid ${root} root\nset prefix=($root)/boot/grub\n`;
	const forBios = `
mkdir -p "$root/boot/grub/i386-pc"
cp "$root"/usr/lib/grub/i386-pc/*.mod "$root"/usr/lib/grub/i386-pc/*.lst "$root/usr/lib/grub/i386-pc/boot.img" "$root/boot/grub/i386-pc/"
${file("/boot/grub/i386-pc/load.cfg", find)}
chroot "$root" grub-mkimage -O i386-pc -o /boot/grub/i386-pc/core.img -c /boot/grub/i386-pc/load.cfg -p /boot/grub ${BIOS_MODULES}
`;
	return `
mkdir -p "$root/boot/grub" "$root/boot/efi"
${bios ? forBios : ""}
efi=${bios ? "x86_64-efi" : "arm64-efi"}
if ! ls "$root"/usr/lib/grub/$efi-signed/grub*.efi.signed >/dev/null 2>&1; then
	mkdir -p "$root/boot/grub/$efi"
	cp "$root"/usr/lib/grub/$efi/*.mod "$root"/usr/lib/grub/$efi/*.lst "$root/boot/grub/$efi/"
${file("/boot/grub/load.cfg", find)}
	chroot "$root" grub-mkimage -O $efi -o /boot/grub/$efi/core.efi -c /boot/grub/load.cfg -p /boot/grub ${EFI_MODULES}
	rm "$root/boot/grub/load.cfg"
fi
chroot "$root" grub-editenv /boot/grub/grubenv create
kernel=$(ls "$root/boot" | sed -n 's/^vmlinuz-//p' | sort -V | tail -n 1)
test -n "$kernel"
cat > "$root/boot/grub/grub.cfg" <<END_OF_FILE
# Written when the image was made; update-grub writes it anew.
set timeout=0
serial --speed=115200
terminal_input console serial
terminal_output console serial
insmod part_gpt
insmod ext2
search --no-floppy --fs-uuid --set=root ${root}
menuentry '${title}' {
	linux /boot/vmlinuz-$kernel root=UUID=${root} ro ${KERNEL_ARGUMENTS}
	initrd /boot/initrd.img-$kernel
}
END_OF_FILE
chmod 0600 "$root/boot/grub/grub.cfg"
`;
}

export interface FinishRequest {
	readonly identity: Identity;
	readonly source: BootstrapSource;
	readonly title: string;
	readonly architecture: "amd64" | "arm64";
	/** deb822 text for apt inside the image. */
	readonly guestSources: string;
}

/** The script for mmdebstrap's customize hook: sh, the tree's path as its first argument. */
export function finishScript(request: FinishRequest): string {
	const { identity, source, title, architecture, guestSources } = request;
	const netplan = source.packages.includes("netplan.io");
	return `set -eu
root="$1"
${configure(guestSources, netplan)}${grub(identity, title, architecture === "amd64")}
rm -f "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap
rm -f "$root"/var/log/apt/* "$root"/var/log/*.log "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old
`;
}
