/** What the store keeps. Every format carries its version; paths are made in paths.ts only. */
import type { Digest } from "../digest.ts";
import type { ImageConfig } from "../plan/types.ts";

/** Version of the store's layout and of all files in it. */
export const STORE_VERSION = 1;

export interface LayerRecord {
	readonly version: 1;
	readonly key: Digest;
	/** Undefined for a booted base, whose overlay stands on the base's own disk. */
	readonly parent?: Digest;
	/** The base at the bottom. */
	readonly base: Digest;
	readonly title: string;
	/** ISO 8601, UTC. */
	readonly created: string;
	/** Bytes on disk of the overlay. */
	readonly size: number;
	/** Bytes of the virtual disk. */
	readonly virtualSize: number;
	/** Milliseconds. */
	readonly took: { readonly run: number; readonly freeze: number; readonly boot?: number };
}

export interface Layer extends LayerRecord {
	/** Absolute path of the qcow2 overlay. */
	readonly disk: string;
}

/** A base whose disk lies in the store, verified. */
export interface BaseRecord {
	readonly version: 1;
	/** sha256 of the disk as it was fetched or built. */
	readonly digest: Digest;
	/** Canonical name: "debian:12". */
	readonly ref: string;
	readonly family: string;
	readonly architecture: string;
	readonly defaultUser?: string;
	/** Where it came from: an address, a path, or "bootstrap". */
	readonly source: string;
	readonly created: string;
	/** Format that qemu-img found: qcow2, raw, vmdk, vhdx. The kept disk is qcow2. */
	readonly sourceFormat: string;
	readonly virtualSize: number;
	/** How far it was proven: "sha256", "sha256+gpg", "booted", "unverified". */
	readonly verified: string;
}

export interface ImageRecord {
	readonly version: 1;
	/** sha256 of the canonical record without its id: what tags point to. */
	readonly id: Digest;
	/** The plan's imageKey, for the lookup of an unchanged build. */
	readonly key: Digest;
	readonly layer: Digest;
	readonly base: Digest;
	readonly baseRef: string;
	readonly family: string;
	readonly architecture: string;
	readonly config: ImageConfig;
	readonly created: string;
	/** Bytes on disk of the sealed overlay. */
	readonly size: number;
	readonly virtualSize: number;
	/** Titles of the steps, oldest first. */
	readonly history: readonly string[];
	/** Lines of the files below /usr/share/nodebuild, by name: "kubernetes/images". */
	readonly contents?: Readonly<Record<string, readonly string[]>>;
}

export interface Image extends ImageRecord {
	readonly disk: string;
	readonly tags: readonly string[];
}
