// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Nodefiles, which is what texts are made of
/** Texts made of texts: pieces put in, cut out, repeated, moved, and taken from others. */

/** @typedef {import("./random.mjs").Random} Random */

/** What Nodefiles are made of, and what breaks readers of text. */
const PIECES = [
	..."\\`\n\r\t #='\"$<>{}[]():/-,%?*!|&@~^;._0aA\u00a0\u2028é😀\ufeff\u0000\ud800",
	...[
		"\r\n",
		"\\\n",
		"`\n",
		"\\\r\n",
		"\\ \n",
		"\n\n",
		"# c\n",
		"<<EOF\n",
		"<<-EOF\n",
		'<<"EOF"\n',
		"EOF\n",
		"0<<A",
		"<<A <<B",
	],
	...["# escape=`\n", "# escape=\\\n", "# syntax=x\n", "# check=skip=all;error=true\n", "# check=experimental=all\n"],
	...[
		"FROM ",
		"FROM scratch\n",
		"FROM a AS b\n",
		"FROM b\n",
		" AS ",
		"RUN ",
		"COPY ",
		"ADD ",
		"ENV ",
		"ARG ",
		"LABEL ",
	],
	...[
		"CMD ",
		"ENTRYPOINT ",
		"SHELL ",
		"USER ",
		"WORKDIR ",
		"EXPOSE ",
		"VOLUME ",
		"STOPSIGNAL ",
		"HEALTHCHECK ",
		"NONE",
	],
	...["MAINTAINER ", "ONBUILD ", "ONBUILD ONBUILD ", "ONBUILD COPY --from=b x y\n"],
	...[
		"$A",
		"${A}",
		"${A:-b}",
		"${A-b}",
		"${A:+b}",
		"${A:?b}",
		"${A#*/}",
		"${A##x}",
		"${A%y}",
		"${A%%z}",
		"${A/b/c}",
		"${A//b/c}",
	],
	...["$GIVEN", "$TARGETPLATFORM", "$BUILDPLATFORM", "${", "$$", "$*", "$@", "${${A}}", "${A:-${B:-${C}}}", "%A%"],
	...[
		"--from=b ",
		"--from=0 ",
		"--from=named ",
		"--from=x:1 ",
		"--chown=a:b ",
		"--chmod=755 ",
		"--chmod=u=rwX ",
		"--link ",
	],
	...[
		"--parents ",
		"--exclude=*.x ",
		"--checksum=sha256:0 ",
		"--keep-git-dir ",
		"--unpack=true ",
		"--platform=linux/amd64 ",
	],
	...[
		"--mount=type=cache,target=/c,id=a,sharing=locked,mode=0755 ",
		"--mount=type=bind,from=b,source=/x,target=/y,rw ",
	],
	...["--mount=type=secret,id=s,env=X,required=true ", "--mount=type=ssh ", "--mount=type=tmpfs,size=1g,target=/t "],
	...[
		"--network=none ",
		"--security=insecure ",
		"--device=x ",
		"--interval=1s ",
		"--retries=3 ",
		"--start-period=1h30m ",
	],
	...['["a", "b"]', '["a",', "[]", '[""]', '["\\u0041"]', "[1]", "http://x/y ", "https://x/y.git#z:w ", "git@x:y.git "],
	...[
		"/",
		"./",
		"../",
		"**/",
		"/./",
		"a=b ",
		"a b ",
		"80/tcp ",
		"1-65535 ",
		"1:2 ",
		"0x10",
		"99999999999999999999",
		"1e400",
	],
	...["constructor", "__proto__", "toString", "hasOwnProperty"],
];

/** @type {readonly ((text: string, random: Random, other: string) => string)[]} */
const EDITS = [
	(text, random) => at(text, random, 0, random.of(PIECES)),
	(text, random) => at(text, random, 0, random.of(PIECES)),
	(text, random) => at(text, random, 1 + random.below(3), random.of(PIECES)),
	(text, random) => at(text, random, 1 + random.below(8), ""),
	(text, random) => at(text, random, 1 + random.below(60), ""),
	(text, random) => at(text, random, 1, String.fromCharCode(random.below(128))),
	(text, random) => at(text, random, 0, String.fromCharCode(random.below(65536))),
	(text, random) => {
		const part = slice(text, random);
		return at(text, random, 0, part.repeat(1 + random.below(random.next() < 0.05 ? 300 : 3)));
	},
	(text, random, other) => at(text, random, random.below(20), slice(other, random)),
	(text, random, other) => text.slice(0, random.below(text.length + 1)) + other.slice(random.below(other.length + 1)),
	(text, random) => lines(text, (all) => all.splice(random.below(all.length), 1)),
	(text, random) => lines(text, (all) => all.splice(random.below(all.length), 0, random.of(all))),
	(text, random, other) => lines(text, (all) => all.splice(random.below(all.length), 1, random.of(other.split("\n")))),
	(text, random) => text.replaceAll(random.of(["\n", " ", "=", "$", "a", "FROM"]), random.of(PIECES)),
];

const LONGEST = 8000;

/** One to eight edits. @param {string} text @param {string} other @param {Random} random */
export function mutate(text, other, random) {
	let mutated = text;
	const count = 1 + random.below(random.next() < 0.5 ? 3 : 8);
	for (let edit = 0; edit < count; edit++) mutated = random.of(EDITS)(mutated, random, other);
	return mutated.slice(0, LONGEST);
}

/** @param {string} text @param {Random} random @param {number} cut @param {string} piece */
function at(text, random, cut, piece) {
	const start = random.below(text.length + 1);
	return text.slice(0, start) + piece + text.slice(start + cut);
}

/** @param {string} text @param {Random} random */
function slice(text, random) {
	const start = random.below(text.length + 1);
	return text.slice(start, start + 1 + random.below(80));
}

/** @param {string} text @param {(lines: string[]) => void} change */
function lines(text, change) {
	const all = text.split("\n");
	change(all);
	return all.join("\n");
}

/**
 * The shortest text found that still fails in the same way: chunks are left out as long as that helps.
 * @param {string} text @param {(text: string) => Promise<boolean>} fails
 */
export async function minimize(text, fails) {
	let best = text;
	for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
		for (let start = 0; start < best.length; ) {
			const shorter = best.slice(0, start) + best.slice(start + size);
			if (await fails(shorter)) best = shorter;
			else start += size;
		}
	}
	return best;
}
