import { parseHeredocReference } from "../nodefile/heredoc.ts";
import type { InstructionNode } from "../nodefile/types.ts";
import { commandForm, type Definition } from "./definition.ts";
import { Fault } from "./fault.ts";
import { readFlags } from "./flags.ts";
import { sketchMount } from "./mount.ts";
import type { RunInstruction } from "./types.ts";

const NETWORKS = ["default", "none", "host"] as const;
const SECURITY = ["sandbox", "insecure"] as const;

/** `RUN --mount=type=cache,target=/var/cache/apt apt-get install -y nginx` */
export const run: Definition = {
	syntax: "RUN [--mount=...] [--network=default|none|host] [--security=sandbox|insecure] COMMAND",
	parse(node) {
		const flags = readFlags(node, { mount: "strings", network: "string", security: "string", device: "strings" });
		const [device] = flags.device;
		if (device !== undefined) throw noDevices();
		return {
			kind: "run",
			node,
			command: commandForm(node),
			heredocs: node.heredocs,
			mounts: flags.mount.map(sketchMount),
			mountFlags: flags.mount,
			network: oneOf(flags.network ?? "default", NETWORKS, "network", "invalid network mode"),
			security: oneOf(flags.security ?? "sandbox", SECURITY, "security", "invalid security mode"),
		};
	},
};

function oneOf<Value extends string>(text: string, allowed: readonly Value[], flag: string, message: string): Value {
	const value = allowed.find((candidate) => candidate === text);
	if (value !== undefined) return value;
	throw new Fault({
		message: `${message} ${JSON.stringify(text)}`,
		part: `--${flag}=${text}`,
		hint: `Write ${allowed.map((name) => `--${flag}=${name}`).join(" or ")}.`,
	});
}

function noDevices(): Fault {
	return new Fault({
		code: "UNSUPPORTED",
		message: "RUN --device asks for a device of the host, which a machine does not have",
		part: "--device",
		hint: "Remove the flag.",
	});
}

/** A RUN command that is nothing but a heredoc with `#!` is a program; everything else is for the stage's shell. */
export type RunScript =
	| { readonly kind: "shell"; readonly script: string }
	| { readonly kind: "program"; readonly name: string; readonly content: string };

/**
 * The script of a RUN in shell form, heredocs put where they belong. Rules: moby/buildkit
 * frontend/dockerfile/dockerfile2llb/convert.go (dispatchRun).
 */
export function runScript(run: RunInstruction): RunScript | undefined {
	if (run.command.form === "exec") return undefined;
	const { script } = run.command;
	const [first] = run.heredocs;
	if (first === undefined) return { kind: "shell", script };
	if (parseHeredocReference(script) !== undefined) {
		if (first.content.startsWith("#!")) return { kind: "program", name: first.name, content: first.content };
		return { kind: "shell", script: first.content };
	}
	// The guest's shell reads the bodies itself, with tabs as they were written.
	return { kind: "shell", script: withBodies(script, run) };
}

function withBodies(script: string, run: { readonly heredocs: InstructionNode["heredocs"] }): string {
	const bodies = run.heredocs.map(({ name, raw, content }) => `\n${raw ?? content}${name}`);
	return script + bodies.join("");
}
