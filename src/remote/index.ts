/** What ADD fetches: files of addresses, and of git repositories. */
export { copyOfGit } from "./git.ts";
export { type RemoteOptions, redacted } from "./options.ts";
export { copyOfUrl, fileNameOf } from "./url.ts";
