/** Text to instructions as text: what BuildKit's parser and shell.Lex do, with ranges. */
export { chompHeredoc, type HeredocReference, parseHeredocReference } from "./heredoc.ts";
export { locate, rangeOfText, type Source } from "./locate.ts";
export { parseText } from "./parse.ts";
export { nearest } from "./suggest.ts";
export { type Environment, type Expansion, processWord, processWords, type WordOptions } from "./words.ts";
