/** Comments that describe stages and arguments (`docker build --call=outline` shows them). */
import type { InstructionNode, LintWarning } from "../../nodefile/types.ts";
import { type LintInput, type Rule, warning } from "./rule.ts";

/** The comment right above begins with the name of what it describes. */
export const definitionDescriptions: Rule = (input) => {
	const { globalArgs, stages } = input.nodefile;
	const args = [...globalArgs, ...stages.flatMap(({ instructions }) => instructions)].flatMap((instruction) =>
		instruction.kind === "arg" ? [instruction] : [],
	);
	return [
		...stages.flatMap(({ from }) => (from.as === undefined ? [] : undescribed(input, from.node, [from.as]))),
		...args.flatMap(({ node, args: pairs }) =>
			undescribed(
				input,
				node,
				pairs.map(({ key }) => key),
			),
		),
	];
};

function undescribed(input: LintInput, node: InstructionNode, names: readonly string[]): LintWarning[] {
	const [first] = names;
	const comment = node.comments.at(-1);
	if (comment === undefined || first === undefined || names.includes(comment.split(" ")[0] ?? "")) return [];
	const name = names.length > 1 ? "<arg_key>" : first;
	const message = `Comment for ${node.keyword} should follow the format: \`# ${name} <description>\``;
	return [warning(input, "InvalidDefinitionDescription", message, node)];
}
