import type { InstructionNode } from "../nodefile/types.ts";
import { commandForm, type Definition, given } from "./definition.ts";
import { atLeastOneArgument, Fault } from "./fault.ts";
import { type Flags, readFlags } from "./flags.ts";
import type { Healthcheck } from "./types.ts";
import { parseDuration } from "./values.ts";

const FLAGS = {
	interval: "string",
	timeout: "string",
	"start-period": "string",
	"start-interval": "string",
	retries: "string",
} as const;

/** Nanoseconds; anything shorter, but 0, is refused. */
const MIN_DURATION = 1e6;

/** `HEALTHCHECK --interval=30s --timeout=3s CMD curl -fsS http://localhost/` */
export const healthcheck: Definition = {
	syntax:
		"HEALTHCHECK [--interval=30s] [--timeout=30s] [--start-period=0s] [--start-interval=5s] [--retries=3] CMD COMMAND, or HEALTHCHECK NONE",
	parse(node) {
		return { kind: "healthcheck", node, check: parseCheck(node) };
	},
};

function parseCheck(node: InstructionNode): Healthcheck {
	const [type, ...args] = node.args;
	if (type === undefined) throw atLeastOneArgument("HEALTHCHECK");
	if (type.toUpperCase() === "NONE") {
		// BuildKit does not look at flags of HEALTHCHECK NONE.
		if (args.length > 0) throw new Fault({ message: "HEALTHCHECK NONE takes no arguments" });
		return { kind: "none" };
	}
	const flags = readFlags(node, FLAGS);
	if (type.toUpperCase() !== "CMD") {
		throw new Fault({ message: `Unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`, part: type });
	}
	if (args.length === 0) throw new Fault({ message: "Missing command after HEALTHCHECK CMD" });
	return {
		kind: "command",
		command: commandForm(node, args),
		...given("interval", duration(flags, "interval")),
		...given("timeout", duration(flags, "timeout")),
		...given("startPeriod", duration(flags, "start-period")),
		...given("startInterval", duration(flags, "start-interval")),
		...given("retries", retries(flags.retries)),
	};
}

/** Nanoseconds; 0 means the default and is left out. */
function duration(flags: Flags<typeof FLAGS>, name: Exclude<keyof typeof FLAGS, "retries">): number | undefined {
	const text = flags[name];
	if (text === undefined) return undefined;
	const part = `--${name}=${text}`;
	const value = parseDuration(text);
	if (value === undefined) {
		throw new Fault({
			message: `invalid duration ${JSON.stringify(text)}`,
			part,
			hint: "Write a duration such as 30s, 1m30s or 500ms.",
		});
	}
	if (value === 0) return undefined;
	if (value >= MIN_DURATION) return value;
	throw new Fault({
		message: `Interval ${JSON.stringify(name)} cannot be less than 1ms`,
		part,
		hint: "Write 1ms or more.",
	});
}

function retries(text: string | undefined): number | undefined {
	if (text === undefined) return undefined;
	const part = `--retries=${text}`;
	const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
	if (value < 0)
		throw new Fault({ message: `--retries cannot be negative (${value})`, part, hint: "Write 1 or more." });
	if (!(value <= 0x7fff_ffff)) {
		throw new Fault({
			message: `invalid number ${JSON.stringify(text)}`,
			part,
			hint: "Write a whole number, such as --retries=3.",
		});
	}
	return value === 0 ? undefined : value;
}
