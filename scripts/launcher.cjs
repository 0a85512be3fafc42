#!/usr/bin/env node
"use strict";
/**
 * The command: runs cli.js beside it, with what V8 made of it when it was built: an unchanged build takes four
 * fifths of the time then (docs/adr/0010-code-cache.md). Another Node.js refuses it and compiles cli.js as it does any other script.
 */
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { Script } = require("node:vm");

const filename = join(__dirname, "cli.js");
/** @type {Buffer | undefined} */
let cachedData;
try {
	cachedData = readFileSync(`${filename}.cache`);
} catch {
	// Built without.
}
// esbuild writes ASCII only.
const script = new Script(readFileSync(filename, "latin1"), { filename, cachedData });
script.runInThisContext()(require, module, filename, __dirname);
