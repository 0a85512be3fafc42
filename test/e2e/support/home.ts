/** The store of a test file: what all of them start with, and nothing that another file does at the same time. */
import { rm } from "node:fs/promises";
import { afterAll } from "vitest";
import { privateStore } from "./store.ts";

export const home = await privateStore();

afterAll(() => rm(home, { recursive: true, force: true }));
