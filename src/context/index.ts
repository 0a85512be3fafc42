/** The build context: what COPY and ADD find in it, its digests, and the stream that carries it to the guest. */
export { type ApartContent, copyWithApart, findApart } from "./apart.ts";
export { archiveKind, archiveStream } from "./archive.ts";
export { applyChmod, parseChmod } from "./chmod.ts";
export { contentStream } from "./content.ts";
export { type ContextOptions, ignoredPaths, openContext } from "./context.ts";
export { digestSources } from "./identity.ts";
export { ignoreFileCandidates } from "./ignore.ts";
export { inlineCopy, mergeCopies } from "./inline.ts";
export { type Destination, join as joinPath, planLayout } from "./layout.ts";
export { copyStream } from "./stream.ts";
export { TAR_END } from "./tar.ts";
export { readTar, type TarMember } from "./tar-read.ts";
export type * from "./types.ts";
