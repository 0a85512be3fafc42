/** An SSH agent for keys from files: what `--ssh id=FILE` hands to a step. The keys stay in this process. */
import type { Duplex } from "node:stream";
import ssh2, { type ParsedKey } from "ssh2";
import { NodebuildError } from "../errors.ts";

export interface KeyAgent {
	/** Answer one client of the agent until it hangs up. */
	serve(client: Duplex): void;
}

/** @throws NodebuildError USAGE for what is no private key, or one that a passphrase protects. */
export function createKeyAgent(files: readonly { readonly path: string; readonly content: Uint8Array }[]): KeyAgent {
	const keys = files.map(({ path, content }) => privateKey(path, content));
	return {
		serve(client) {
			const agent = new ssh2.AgentProtocol(false);
			agent.on("identities", (request) => agent.getIdentitiesReply(request, keys));
			agent.on("sign", (request, wanted, data, options) => {
				const key = keys.find((one) => one.getPublicSSH().equals(wanted.getPublicSSH()));
				const signature = key?.sign(data, options.hash);
				if (signature === undefined || signature instanceof Error) agent.failureReply(request);
				else agent.signReply(request, signature);
			});
			agent.on("error", () => client.destroy());
			client.on("error", () => agent.destroy());
			client.pipe(agent).pipe(client);
		},
	};
}

function privateKey(path: string, content: Uint8Array): ParsedKey {
	const parsed = ssh2.utils.parseKey(Buffer.from(content));
	const key = Array.isArray(parsed) ? parsed[0] : parsed;
	if (key !== undefined && !(key instanceof Error) && key.isPrivateKey()) return key;
	const why = key instanceof Error ? key.message : "it has no private key";
	throw new NodebuildError({
		code: "USAGE",
		message: `expected ${path} to be an SSH private key without a passphrase, got: ${why}`,
		hint: "for a key with a passphrase, add it to an agent (ssh-add) and pass that: --ssh default",
	});
}
