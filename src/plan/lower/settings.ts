/** Instructions that only say something of the image. */
import type {
	CmdInstruction,
	CommandForm,
	ExposeInstruction,
	HealthcheckInstruction,
	MaintainerInstruction,
	OnbuildInstruction,
	ShellInstruction,
	StopsignalInstruction,
	UserInstruction,
	VolumeInstruction,
} from "../../instructions/types.ts";
import { nearest } from "../../nodefile/suggest.ts";
import { expandWords } from "../expand.ts";
import { parsePort } from "../ports.ts";
import { isSignal, SIGNAL_NAMES } from "../signals.ts";
import { withShell } from "../state.ts";
import { checked, configOnly, expandIn, expansionOf, invalid, type LowerContext, type Lowered } from "./context.ts";

const sortedUnion = (a: readonly string[], b: readonly string[]): string[] => [...new Set([...a, ...b])].sort();

/** `USER name[:group]`; whether the user exists is seen when a command runs. */
export function lowerUser(instruction: UserInstruction, context: LowerContext): Lowered {
	const user = expandIn(context)(instruction.user);
	return configOnly(context, `USER ${user}`, { user });
}

/** `SHELL ["/bin/bash", "-c"]`, for every shell form after it. */
export function lowerShell(instruction: ShellInstruction, context: LowerContext): Lowered {
	return configOnly(context, `SHELL ${JSON.stringify(instruction.argv)}`, { shell: instruction.argv });
}

/** `EXPOSE 80 8000-8010/udp $PORT`; words are split after expansion. */
export function lowerExpose(instruction: ExposeInstruction, context: LowerContext): Lowered {
	const expanded = instruction.ports.flatMap((port) =>
		expandWords(port, expansionOf(context)).map((word) => ({ port, word })),
	);
	const words = expanded.map(({ word }) => word);
	const ports = expanded.flatMap(({ port, word }) => checked(port, `EXPOSE ${word}`, () => parsePort(word)));
	const exposed = sortedUnion(context.state.config.exposed, ports);
	return configOnly(context, `EXPOSE ${words.join(" ")}`, { exposed });
}

/** `VOLUME /data`: recorded as written; the directory is neither made nor emptied. */
export function lowerVolume(instruction: VolumeInstruction, context: LowerContext): Lowered {
	const paths = instruction.paths.map(expandIn(context));
	if (paths.includes(""))
		throw invalid(context.at, "expected a path for VOLUME, got an empty string", "Is a variable in it empty?");
	return configOnly(context, `VOLUME ${paths.join(" ")}`, {
		volumes: sortedUnion(context.state.config.volumes, paths),
	});
}

/**
 * The shell of this moment is written into the command: a later SHELL does not change it. An empty
 * list means that there is no command.
 */
function commandOf(command: CommandForm, context: LowerContext): CommandForm | undefined {
	const argv = command.form === "exec" ? command.argv : withShell(context.state.config, command.script);
	return argv.length === 0 ? undefined : { form: "exec", argv };
}

/** `CMD` and `ENTRYPOINT`; an ENTRYPOINT drops a CMD that the stage has only inherited. */
export function lowerCommand(instruction: CmdInstruction, context: LowerContext): Lowered {
	const command = commandOf(instruction.command, context);
	const text =
		instruction.command.form === "exec" ? JSON.stringify(instruction.command.argv) : instruction.command.script;
	const title = `${instruction.kind.toUpperCase()} ${text}`;
	const { state } = context;
	const { cmd, entrypoint, ...rest } = state.config;
	const cmdSet = state.cmdSet || instruction.kind === "cmd";
	const after =
		instruction.kind === "cmd" ? { cmd: command, entrypoint } : { cmd: cmdSet ? cmd : undefined, entrypoint: command };
	const config = {
		...rest,
		...(after.cmd === undefined ? {} : { cmd: after.cmd }),
		...(after.entrypoint === undefined ? {} : { entrypoint: after.entrypoint }),
	};
	return { state: { ...state, cmdSet, config }, effects: [], title };
}

/** `HEALTHCHECK [options] CMD ...` or `NONE`; nothing in it is expanded. */
export function lowerHealthcheck(instruction: HealthcheckInstruction, context: LowerContext): Lowered {
	return configOnly(context, original(instruction.node.original), { healthcheck: instruction.check });
}

/** `STOPSIGNAL SIGTERM`, a name or a number. */
export function lowerStopsignal(instruction: StopsignalInstruction, context: LowerContext): Lowered {
	const stopSignal = expandIn(context)(instruction.signal);
	if (!isSignal(stopSignal)) {
		const similar = /\d/.test(stopSignal)
			? undefined
			: nearest(stopSignal.toUpperCase().replace(/^SIG/, ""), SIGNAL_NAMES);
		const hint =
			similar === undefined ? "A signal's name, or its number from 1 to 64, is needed." : `Did you mean SIG${similar}?`;
		throw invalid(context.at, `expected a signal such as SIGTERM or 15, got "${stopSignal}"`, hint, {
			part: instruction.signal,
		});
	}
	return configOnly(context, `STOPSIGNAL ${stopSignal}`, { stopSignal });
}

/** `ONBUILD <instruction>`, kept as text for those who build FROM this image or stage. */
export function lowerOnbuild(instruction: OnbuildInstruction, context: LowerContext): Lowered {
	const onbuild = [...context.state.config.onbuild, instruction.trigger];
	const [line = ""] = instruction.trigger.split("\n");
	return configOnly(context, `ONBUILD ${line}`, { onbuild });
}

/** `MAINTAINER name`, deprecated. */
export function lowerMaintainer(instruction: MaintainerInstruction, context: LowerContext): Lowered {
	return configOnly(context, `MAINTAINER ${instruction.name}`, { maintainer: instruction.name });
}

/** The logical line as a title: keyword in upper case. */
export function original(line: string): string {
	return line.trim().replace(/^\S+/, (keyword) => keyword.toUpperCase());
}
