/**
 * What the text of a Nodefile is made of, before any instruction is understood:
 * BuildKit's parser nodes (moby/buildkit frontend/dockerfile/parser), with ranges.
 */

/** A part of the text. Lines 1-based, columns 0-based in UTF-16 code units, end exclusive. */
export interface Range {
	readonly startLine: number;
	readonly startColumn: number;
	readonly endLine: number;
	readonly endColumn: number;
}

export interface Heredoc {
	readonly name: string;
	/** File descriptor, 0 unless written as `3<<EOF`. */
	readonly fd: number;
	/** False when the delimiter was quoted: no variables are expanded in the content. */
	readonly expand: boolean;
	/** `<<-`: leading tabs are removed. */
	readonly chomp: boolean;
	/** The body with its final line break, tabs already stripped when `chomp`. */
	readonly content: string;
	/** The body as written, where that differs from `content`. */
	readonly raw?: string;
}

/** One instruction as text, split the way BuildKit splits it and no further. */
export interface InstructionNode {
	/** Upper case: "RUN". */
	readonly keyword: string;
	/** Each `--name[=value]` as written, quotes removed as BuildKit does. */
	readonly flags: readonly string[];
	/** The words after the flags, as BuildKit's parser dumps them (one for shell form). */
	readonly args: readonly string[];
	/** True when the arguments were a JSON array. */
	readonly json: boolean;
	readonly heredocs: readonly Heredoc[];
	/** The trigger of an ONBUILD. */
	readonly trigger?: InstructionNode;
	/** The logical line: continuation lines joined, comments removed. */
	readonly original: string;
	readonly range: Range;
	/** Range of each element of `args`, where it is known. */
	readonly argRanges: readonly (Range | undefined)[];
	/** Comment lines directly above, without `#`. */
	readonly comments: readonly string[];
}

export interface Directives {
	readonly escape: "\\" | "`";
	readonly syntax?: string;
	readonly check?: string;
	/** What settings.ts reads. */
	readonly nodebuild?: string;
}

/** A warning while reading, with BuildKit's rule name where BuildKit has the rule. */
export interface LintWarning {
	readonly rule: string;
	readonly message: string;
	readonly range: Range;
}

export interface NodefileText {
	/** Name used in messages. */
	readonly file: string;
	readonly text: string;
	readonly directives: Directives;
	readonly nodes: readonly InstructionNode[];
	readonly warnings: readonly LintWarning[];
}
