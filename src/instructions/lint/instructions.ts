/** Rules about the instructions of a stage. */
import type { LintWarning } from "../../nodefile/types.ts";
import { writtenKeyword } from "../dispatch.ts";
import { isLegacyForm } from "../pairs.ts";
import type { Stage, StageInstruction } from "../types.ts";
import { type LintInput, type Rule, warning } from "./rule.ts";

/** All upper or all lower case, whichever most instructions are in. */
export const consistentInstructionCasing: Rule = (input) => {
	const nodes = input.nodefile.stages.flatMap((stage) => [
		stage.from.node,
		...stage.instructions.map(({ node }) => node),
	]);
	const words = nodes.map(writtenKeyword);
	const lower = words.filter((word) => word === word.toLowerCase()).length;
	const upper = words.filter((word) => word === word.toUpperCase()).length;
	const [casing, cased] =
		lower > upper
			? (["lowercase", (word: string) => word.toLowerCase()] as const)
			: (["uppercase", (word: string) => word.toUpperCase()] as const);
	return nodes.flatMap((node) => {
		const word = writtenKeyword(node);
		if (word === cased(word)) return [];
		const message = `Command '${word}' should match the case of the command majority (${casing})`;
		return [warning(input, "ConsistentInstructionCasing", message, node, word)];
	});
};

export const maintainerDeprecated: Rule = (input) =>
	eachInstruction(input, ({ kind, node }) =>
		kind === "maintainer"
			? [warning(input, "MaintainerDeprecated", "Maintainer instruction is deprecated in favor of using label", node)]
			: [],
	);

export const jsonArgsRecommended: Rule = (input) =>
	input.nodefile.stages.flatMap(({ instructions }) => {
		const shell = instructions.findIndex(({ kind }) => kind === "shell");
		// Who sets a shell wants it.
		const checked = shell < 0 ? instructions : instructions.slice(0, shell);
		return checked.flatMap((instruction) => {
			if (instruction.kind !== "cmd" && instruction.kind !== "entrypoint") return [];
			if (instruction.command.form === "exec") return [];
			const message = `JSON arguments recommended for ${instruction.node.keyword} to prevent unintended behavior related to OS signals`;
			return [warning(input, "JSONArgsRecommended", message, instruction.node)];
		});
	});

/** The last CMD, ENTRYPOINT and HEALTHCHECK count; the ones before it are told. */
export const multipleInstructionsDisallowed: Rule = (input) =>
	input.nodefile.stages.flatMap(({ instructions }) =>
		["cmd", "entrypoint", "healthcheck"].flatMap((kind) =>
			instructions
				.filter((instruction) => instruction.kind === kind)
				.slice(0, -1)
				.map(({ node }) => {
					const message = `Multiple ${node.keyword} instructions should not be used in the same stage because only the last one will be used`;
					return warning(input, "MultipleInstructionsDisallowed", message, node);
				}),
		),
	);

export const legacyKeyValueFormat: Rule = (input) =>
	eachInstruction(input, ({ kind, node }) => {
		if ((kind !== "env" && kind !== "label") || !isLegacyForm(node)) return [];
		const message = `"${node.keyword} key=value" should be used instead of legacy "${node.keyword} key value" format`;
		return [warning(input, "LegacyKeyValueFormat", message, node)];
	});

/** A relative WORKDIR depends on the base's, unless the stage, or one it is from, has set one before. */
export const workdirRelativePath: Rule = (input) => {
	const set = new Set<string>();
	return input.nodefile.stages.flatMap((stage) => {
		const workdirs = stage.instructions.filter((instruction) => instruction.kind === "workdir");
		const inherited = set.has(stage.from.image.toLowerCase());
		if (stage.from.as !== undefined && (inherited || workdirs.length > 0)) set.add(stage.from.as);
		const [first] = workdirs;
		if (inherited || first === undefined || /^["']?[/$]/.test(first.path)) return [];
		const message = `Relative workdir "${first.path}" can have unexpected results if the base image changes`;
		return [warning(input, "WorkdirRelativePath", message, first.node, first.path)];
	});
};

/** A name that is a secret's, or begins or ends with one: API_KEY, DATABASE_PASSWORD. */
const SECRET = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
/** PUBLIC_KEY, TOKEN_FILE, AUTH_VERSION are none. */
const HARMLESS = /(?:_|^)(?:public|file|version)(?:_|$)/i;

export const secretsUsedInArgOrEnv: Rule = (input) =>
	eachInstruction(input, (instruction) =>
		namesOf(instruction)
			.filter((name) => SECRET.test(name) && !HARMLESS.test(name))
			.map((name) => {
				const message = `Do not use ARG or ENV instructions for sensitive data (${instruction.node.keyword} "${name}")`;
				return warning(input, "SecretsUsedInArgOrEnv", message, instruction.node, name);
			}),
	);

function namesOf(instruction: StageInstruction): string[] {
	if (instruction.kind === "arg") return instruction.args.map(({ key }) => key);
	return instruction.kind === "env" ? instruction.vars.map(({ key }) => key) : [];
}

/** ExposeProtoCasing, ExposeInvalidFormat. */
export const exposedPorts: Rule = (input) =>
	eachInstruction(input, (instruction) => {
		if (instruction.kind !== "expose") return [];
		return instruction.ports.flatMap((port) => {
			if (port.includes("$")) return [];
			const [, protocol = ""] = port.split("/");
			const message = port.includes(":")
				? `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`
				: `Defined protocol '${port}' in EXPOSE instruction should be lowercase`;
			if (port.includes(":")) return [warning(input, "ExposeInvalidFormat", message, instruction.node, port)];
			if (protocol === protocol.toLowerCase()) return [];
			return [warning(input, "ExposeProtoCasing", message, instruction.node, port)];
		});
	});

function eachInstruction(input: LintInput, check: (instruction: StageInstruction) => LintWarning[]): LintWarning[] {
	return input.nodefile.stages.flatMap((stage: Stage) => stage.instructions.flatMap(check));
}
