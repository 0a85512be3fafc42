/** Names and addresses that host and guest agree on. */

/** Network card that the guest sees as its own; addressed by DHCP of QEMU's user network. */
export const PRIMARY_MAC = "52:54:00:6e:62:00";
/** Second card: it lives in a network namespace of its own with nothing but our sshd. */
export const MANAGEMENT_MAC = "52:54:00:6e:62:01";
export const MANAGEMENT_ADDRESS = "10.0.3.15";
/** There, the port of our sshd, and that of the program that waits in machines that were frozen. */
export const SSH_PORT = 22;
export const AGENT_PORT = 23;
/** virtio-blk serial of the disk that carries the tools archive (20 characters at most). */
export const TOOLS_SERIAL = "nodebuild-tools";
/** Controller that disks are attached to while the machine runs. */
export const SCSI_CONTROLLER = "scsi";
/** What the model of an attached disk begins with, by which the guest tells it from others (16 characters in all). */
export const ATTACHED_MODEL = "nodebuild-";
/** Where the build's systemd generator lies in a machine under construction; sealing removes it. */
export const GENERATOR_PATH = "/etc/systemd/system-generators/nodebuild";
/** Unit that runs our sshd; it exists in /run only. */
export const UNIT_NAME = "nodebuild-sshd.service";
