/**
 * A profile knows one kind of machine: the variables that its Nodefiles take, what follows from them, and which of them
 * do not go together. It is asked before anything is fetched or booted. Pure: text in, build arguments out.
 */

/** A value that somebody gave, in order of precedence: later ones win. */
export interface GivenVariable {
	readonly name: string;
	/** A text, or whatever JSON has. */
	readonly value: unknown;
	/** For messages: "--build-arg", "the file vars.json", "the environment". */
	readonly from: string;
}

export interface ProfileInput {
	/** The rest of the `# nodebuild=` directive. */
	readonly settings: Readonly<Record<string, string>>;
	readonly given: readonly GivenVariable[];
	/** The build's, for values that name one of its variables. */
	readonly environment?: Readonly<Record<string, string | undefined>>;
	/** Names of the Nodefile's ARGs: what none of them takes does not matter to it. */
	readonly declared: readonly string[];
}

export interface ProfileResult {
	/** All variables, with their defaults and what was derived from them; an ARG takes one by its name. */
	readonly buildArgs: Readonly<Record<string, string>>;
	/** Files of this host whose content an ARG takes. */
	readonly files: readonly FileVariable[];
	/** ARGs that name Ansible roles, which are run where the ARG stands. */
	readonly roles?: {
		readonly args: readonly string[];
		/** Variables for the roles, YAML or JSON; empty: none. */
		readonly vars: string;
		/** File of this host with the variables, in place of `vars`. */
		readonly varsFile?: string;
	};
	/** Bytes of the image's disk, where nobody says otherwise. */
	readonly diskSize?: number;
	readonly labels: Readonly<Record<string, string>>;
	readonly warnings: readonly string[];
}

/** The ARG `arg` gets one word for each file, with its name and its content in base64. */
export interface FileVariable {
	readonly arg: string;
	/** The variable that names the files. */
	readonly variable: string;
	readonly paths: readonly string[];
	/** What is wrong with a file's content; undefined: nothing. */
	readonly fault?: (content: Uint8Array) => string | undefined;
}

export interface Profile {
	/** Names of all variables: those that are taken from the environment, and for suggestions. */
	readonly variables: readonly string[];
	/** Of these, the ones that the environment does not give: they mean the host's own. */
	readonly notFromEnvironment: readonly string[];
	/** @throws NodebuildError NODEFILE_INVALID for settings, USAGE for values. */
	resolve(input: ProfileInput): ProfileResult;
}
