/** Formats that qemu-img writes: all that differs is data. */
import { convert, measure } from "../layers/qcow2.ts";
import { COMMON_OPTIONS, COMMON_VALUES, deliver } from "./deliver.ts";
import type { OutputFormat, OutputRequest } from "./types.ts";

export interface ConvertedFormat extends Omit<OutputFormat, "write"> {
	/** qemu-img's own name of the format: "vpc" for vhd. */
	readonly qemuFormat: string;
	/** qemu-img's `-o` options for a request. */
	readonly qemuOptions?: (option: (name: string) => string) => Readonly<Record<string, string>>;
	/** Compress every cluster (qcow2). */
	readonly compress?: (option: (name: string) => string) => boolean;
}

/** An option's value as asked for, else its default. */
function optionOf(request: OutputRequest, values: OutputFormat["values"]): (name: string) => string {
	return (name) => request.options[name] ?? values[name]?.[0] ?? "";
}

/** The format's row: flattens the image and what it stands on into one sparse file. */
export function convertedFormat(format: ConvertedFormat): OutputFormat {
	const { qemuFormat, qemuOptions, compress, ...rest } = format;
	return {
		...rest,
		options: { ...rest.options, ...COMMON_OPTIONS },
		values: { ...rest.values, ...COMMON_VALUES },
		write(image, request, progress, signal) {
			const option = optionOf(request, rest.values);
			return deliver({
				request,
				total: image.virtualSize,
				progress,
				needed: () => measure(image.disk),
				...(signal === undefined ? {} : { signal }),
				produce: (temp, onProgress) =>
					convert(image.disk, temp, {
						srcFormat: "qcow2",
						dstFormat: qemuFormat,
						compress: compress?.(option) ?? false,
						dstOptions: qemuOptions?.(option) ?? {},
						onProgress,
						...(signal === undefined ? {} : { signal }),
					}),
			});
		},
	};
}
