/** What a stage knows while its instructions are gone through: BuildKit's dispatch state. */
import { mergeEnv, withPath } from "./env.ts";
import { EMPTY_CONFIG, type Env, type ImageConfig } from "./types.ts";

export interface StageState {
	/** What the image will say of itself. */
	readonly config: ImageConfig;
	/** What RUN and expansion see: `config.env` and the arguments, whichever was said last. */
	readonly env: Env;
	/** Arguments declared in this stage or one that it is built from, with or without a value. */
	readonly declared: ReadonlySet<string>;
	/** A CMD stood in this very stage, so an ENTRYPOINT leaves it alone. */
	readonly cmdSet: boolean;
}

/** State after FROM a base (its own configuration, if any) or FROM scratch (none). */
export function baseState(config: ImageConfig = EMPTY_CONFIG): StageState {
	const env = withPath(config.env);
	return { config: { ...config, env, onbuild: [] }, env, declared: new Set(), cmdSet: false };
}

/** State after FROM another stage: arguments come along, but what its ENV said goes before them. */
export function inheritedState(parent: StageState): StageState {
	const env = withPath(parent.config.env);
	return {
		config: { ...parent.config, env, onbuild: [] },
		env: mergeEnv(parent.env, env),
		declared: parent.declared,
		cmdSet: false,
	};
}

export const DEFAULT_SHELL: readonly string[] = ["/bin/sh", "-c"];

/** argv of a command, with the shell of this moment applied. */
export function withShell(config: ImageConfig, script: string): readonly string[] {
	const shell = config.shell === undefined || config.shell.length === 0 ? DEFAULT_SHELL : config.shell;
	return [...shell, script];
}
