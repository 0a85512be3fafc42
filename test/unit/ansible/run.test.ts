import { expect, test } from "vitest";
import { runRoles } from "../../../src/ansible/run.ts";
import { localGuest } from "../guest/local-guest.ts";

test("a machine without Python is told how to get it, and no program is started for it", async () => {
	const guest = localGuest(() => ({ stdout: "" }));
	const roles = runRoles({
		guest,
		address: { host: "127.0.0.1", port: 1, hostKey: "ssh-ed25519 AAAA" },
		roles: ["/roles/x"],
		folders: [],
		env: [],
		vars: [],
		userVars: "",
		signal: new AbortController().signal,
		onOutput: () => undefined,
	});
	await expect(roles).rejects.toMatchObject({
		code: "STEP_FAILED",
		message: "Ansible needs Python in the machine: expected python3, got none",
		hint: expect.stringMatching(/apt-get install -y python3, or RUN dnf install -y python3/),
	});
	expect(guest.asked).toHaveLength(1);
});
