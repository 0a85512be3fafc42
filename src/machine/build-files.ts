/** Files that a machine under construction carries for us, and that sealing removes. */
import { GENERATOR_PATH } from "./qemu/names.ts";

export const BUILD_FILES: readonly string[] = [GENERATOR_PATH];
