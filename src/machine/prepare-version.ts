/**
 * Version of what is done to a base before its first step runs (the build's generator, cloud-init's
 * first boot): part of the key of every booted base. Raise it when that changes.
 */
export const PREPARE_VERSION = 1;
