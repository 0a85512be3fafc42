/** goss's resources by their name in a suite. A new one is a ResourceKind and a row here. */
import type { ResourceKind } from "../kind.ts";
import { group, user } from "./accounts.ts";
import { command, matching } from "./command.ts";
import { file } from "./file.ts";
import { http } from "./http.ts";
import { kernelParam, mount } from "./kernel.ts";
import { addr, dns, networkInterface, port } from "./network.ts";
import { packageKind, process, service } from "./software.ts";

export const RESOURCES: Readonly<Record<string, ResourceKind>> = {
	addr,
	command,
	dns,
	file,
	group,
	http,
	interface: networkInterface,
	"kernel-param": kernelParam,
	matching,
	mount,
	package: packageKind,
	port,
	process,
	service,
	user,
};
