/** What all the tests' Nodefiles begin with, so that they share one base that has been booted once. */
export const BASE = "debian:12";

export const BASE_PREFIX = `FROM ${BASE}\n`;

/** Name of the image that is BASE_PREFIX alone; it is there before the first test. */
export const BASE_IMAGE = "e2e-base";
