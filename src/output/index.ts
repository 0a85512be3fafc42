/** The table of formats: a format is one file and one row here. */
import { qcow2Output } from "./qcow2.ts";
import { rawOutput } from "./raw.ts";
import type { OutputFormat } from "./types.ts";
import { vhdOutput } from "./vhd.ts";
import { vhdxOutput } from "./vhdx.ts";
import { vmdkOutput } from "./vmdk.ts";

export const OUTPUT_FORMATS: readonly OutputFormat[] = [qcow2Output, rawOutput, vmdkOutput, vhdOutput, vhdxOutput];

/** The format of a parsed request's type. */
export function findOutput(type: string): OutputFormat | undefined {
	return OUTPUT_FORMATS.find((format) => format.type === type);
}
