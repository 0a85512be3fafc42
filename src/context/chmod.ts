/**
 * `--chmod`: octal or symbolic, as BuildKit reads it (dockerfile2llb/convert_copy.go; symbolic by
 * tonistiigi/dchapes-mode, BSD's setmode; since March 2025 with X after = and - too, moby/buildkit#5835). Pure.
 */
import { NodebuildError } from "../errors.ts";
import type { ModeChange } from "./types.ts";

const ALL = 0o6777;
const STICKY = 0o1000;
/** Clauses without u, g, o or a obey the umask; BuildKit's daemon runs with this one. */
const UMASKED = 0o7777 & ~0o022;
const CLASSES = {
	u: { who: 0o4700, shift: 6 },
	g: { who: 0o2070, shift: 3 },
	o: { who: 0o0007, shift: 0 },
} as const;
const PERMISSIONS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, X: 0o111 };

type ClassName = keyof typeof CLASSES;
type Operator = "+" | "-" | "=";
/** `original` is the file's mode before the whole specification, `mode` what became of it so far. */
type Edit = (mode: number, original: number, isDirectory: boolean) => number;

/** @throws NodebuildError NODEFILE_INVALID for what is no mode; its place is for the caller to add. */
export function applyChmod(spec: string, mode: number, isDirectory: boolean): number {
	return parseChmod(spec)(mode, isDirectory);
}

/** As `applyChmod`, read once for many files. */
export function parseChmod(spec: string): ModeChange {
	if (/^[0-9]/.test(spec)) {
		const octal = /^[0-7]+$/.test(spec) ? Number.parseInt(spec, 8) : Number.NaN;
		if (!(octal <= 0o7777)) throw invalid(spec, "it should be octal string and between 0 and 07777");
		return () => octal;
	}
	const edits = parseSymbolic(spec);
	return (mode, isDirectory) =>
		edits.reduce((current, edit) => edit(current, mode & 0o7777, isDirectory), mode & 0o7777);
}

function invalid(spec: string, why: string): NodebuildError {
	return new NodebuildError({
		code: "NODEFILE_INVALID",
		message: `invalid chmod parameter: '${spec}'. ${why}`,
		hint: "write it as for chmod(1): --chmod=0755, --chmod=u=rwX,go=rX, --chmod=+x",
	});
}

function parseSymbolic(spec: string): readonly Edit[] {
	return spec.split(",").flatMap((clause) => {
		const match = /^([ugoa]*)((?:[-+=][rwxXstugo]*)+)$/.exec(clause);
		if (match === null) throw invalid(spec, `expected a symbolic mode like u+x, got '${clause}'`);
		const [, who = "", actions = ""] = match;
		return [...actions.matchAll(/([-+=])([rwxXstugo]*)/g)].flatMap(([, operator, permissions = ""]) =>
			editsOf(whoBits(who), operator as Operator, permissions),
		);
	});
}

function whoBits(who: string): number {
	let bits = 0;
	for (const name of who) bits |= name === "a" ? ALL : CLASSES[name as ClassName].who;
	return bits;
}

function editsOf(whoGiven: number, operator: Operator, permissions: string): readonly Edit[] {
	let who = whoGiven;
	let bits = 0;
	let conditional = false;
	const copies: Edit[] = [];
	const onlyOthers = who !== 0 && (who & ~0o007) === 0;
	for (const letter of permissions) {
		if (letter in CLASSES) copies.push(copyOf(who, operator, letter as ClassName));
		else if (letter === "X" && operator !== "-") conditional = true;
		else if (letter === "s" || letter === "t") {
			if (onlyOthers) continue;
			if (letter === "t" && who !== 0) who |= STICKY;
			bits |= letter === "s" ? 0o6000 : STICKY;
		} else bits |= PERMISSIONS[letter] ?? 0;
	}
	const edits: Edit[] = [];
	if (bits !== 0 || (operator === "=" && copies.length === 0)) edits.push(changeOf(who, operator, bits));
	if (conditional) {
		const executable = masked(who, 0o111);
		edits.push((mode, original, isDirectory) => (isDirectory || (original & 0o111) !== 0 ? mode | executable : mode));
	}
	return [...edits, ...copies];
}

function masked(who: number, bits: number): number {
	return who === 0 ? UMASKED & bits : who & bits;
}

function changeOf(who: number, operator: Operator, bits: number): Edit {
	const changed = masked(who, bits);
	if (operator === "+") return (mode) => mode | changed;
	if (operator === "-") return (mode) => mode & ~changed;
	const cleared = who === 0 ? ALL : who;
	return (mode) => (mode & ~cleared) | changed;
}

/** "g=u": the permissions of one class given to, taken from, or made those of others. */
function copyOf(who: number, operator: Operator, from: ClassName): Edit {
	const classes = (["u", "g", "o"] as const).filter((name) => who === 0 || (who & (0o4 << CLASSES[name].shift)) !== 0);
	const mask = who === 0 ? UMASKED : 0o777;
	return (mode) => {
		const value = (mode >> CLASSES[from].shift) & 0o7;
		let result = mode;
		for (const name of classes) {
			const { shift } = CLASSES[name];
			if (operator === "=") result &= ~((0o7 << shift) & mask);
			if (operator === "-") result &= ~((value << shift) & mask);
			else result |= (value << shift) & mask;
		}
		return result;
	};
}
