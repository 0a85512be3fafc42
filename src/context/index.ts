/** The build context: what COPY and ADD find in it, its digests, and the stream that carries it to the guest. */
export { applyChmod, parseChmod } from "./chmod.ts";
export { contentStream } from "./content.ts";
export { type ContextOptions, ignoredPaths, openContext } from "./context.ts";
export { ignoreFileCandidates } from "./ignore.ts";
export { inlineCopy, mergeCopies } from "./inline.ts";
export { type Destination, planLayout } from "./layout.ts";
export { copyStream } from "./stream.ts";
export type * from "./types.ts";
