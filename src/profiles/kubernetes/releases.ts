/**
 * What is known of each Kubernetes series: the one table. Sources: the defaults in kubeadm's constants.go of the series'
 * first release (a build asks kubeadm itself, these are for what has to be said before), containerd's RELEASES.md, and the
 * compatibility tables of the network plugins. A new series is a new first row.
 */
export interface Series {
	/** "1.34" */
	readonly series: string;
	/** Newest patch known to this table; a newer one is accepted, a series that is not here is not. */
	readonly patch: number;
	readonly pause: string;
	readonly etcd: string;
	readonly coredns: string;
	/** Semver ranges. */
	readonly containerd: string;
	readonly cni: { readonly cilium: string; readonly calico: string; readonly flannel: string };
	/** What is pulled where CNI_VERSION says nothing; in the range above. */
	readonly cniDefault: { readonly cilium: string; readonly calico: string; readonly flannel: string };
	readonly metricsServer: string;
}

const FLANNEL = { range: ">=0.20.0 <1.0.0", version: "0.27.4" };

export const SERIES: readonly Series[] = [
	row(
		"1.35",
		0,
		"3.10.1",
		"3.6.6-0",
		"v1.13.1",
		">=1.6.0 <3.0.0",
		["1.18", "1.19", "1.18.4"],
		["3.31", "3.32", "3.31.2"],
	),
	row(
		"1.34",
		2,
		"3.10.1",
		"3.6.5-0",
		"v1.12.1",
		">=1.6.0 <3.0.0",
		["1.17", "1.19", "1.18.4"],
		["3.30", "3.32", "3.31.2"],
	),
	row(
		"1.33",
		6,
		"3.10",
		"3.5.21-0",
		"v1.12.0",
		">=1.6.0 <3.0.0",
		["1.16", "1.19", "1.18.4"],
		["3.30", "3.32", "3.30.4"],
	),
	row(
		"1.32",
		10,
		"3.10",
		"3.5.16-0",
		"v1.11.3",
		">=1.6.0 <3.0.0",
		["1.16", "1.19", "1.17.9"],
		["3.29", "3.32", "3.30.4"],
	),
	row(
		"1.31",
		14,
		"3.10",
		"3.5.15-0",
		"v1.11.3",
		">=1.6.0 <3.0.0",
		["1.15", "1.18", "1.16.16"],
		["3.28", "3.31", "3.29.6"],
	),
	row(
		"1.30",
		14,
		"3.9",
		"3.5.15-0",
		"v1.11.3",
		">=1.6.0 <3.0.0",
		["1.14", "1.18", "1.16.16"],
		["3.27", "3.30", "3.28.5"],
	),
	row(
		"1.29",
		15,
		"3.9",
		"3.5.16-0",
		"v1.11.1",
		">=1.6.0 <3.0.0",
		["1.14", "1.17", "1.15.19"],
		["3.26", "3.30", "3.28.5"],
	),
	row(
		"1.28",
		15,
		"3.9",
		"3.5.15-0",
		"v1.10.1",
		">=1.6.0 <3.0.0",
		["1.13", "1.17", "1.15.19"],
		["3.26", "3.29", "3.27.5"],
	),
	row(
		"1.27",
		16,
		"3.9",
		"3.5.12-0",
		"v1.10.1",
		">=1.6.0 <3.0.0",
		["1.13", "1.16", "1.14.19"],
		["3.25", "3.29", "3.27.5"],
	),
	row(
		"1.26",
		15,
		"3.9",
		"3.5.10-0",
		"v1.9.3",
		">=1.6.0 <3.0.0",
		["1.12", "1.16", "1.14.19"],
		["3.24", "3.27", "3.26.5"],
	),
	row(
		"1.25",
		16,
		"3.8",
		"3.5.9-0",
		"v1.9.3",
		">=1.5.0 <3.0.0",
		["1.11", "1.15", "1.13.18"],
		["3.23", "3.27", "3.25.2"],
	),
	row(
		"1.24",
		17,
		"3.7",
		"3.5.6-0",
		"v1.8.6",
		">=1.5.0 <3.0.0",
		["1.10", "1.14", "1.12.19"],
		["3.22", "3.26", "3.25.2"],
	),
	row(
		"1.23",
		17,
		"3.6",
		"3.5.6-0",
		"v1.8.6",
		">=1.4.0 <3.0.0",
		["1.10", "1.13", "1.11.20"],
		["3.21", "3.25", "3.23.5"],
	),
	// Up to 1.22 the kubelet speaks CRI v1alpha2 only, which containerd 2 has no more.
	row(
		"1.22",
		17,
		"3.5",
		"3.5.0-0",
		"v1.8.4",
		">=1.4.0 <2.0.0",
		["1.10", "1.13", "1.11.20"],
		["3.20", "3.24", "3.22.5"],
	),
	row(
		"1.21",
		14,
		"3.4.1",
		"3.4.13-0",
		"v1.8.0",
		">=1.3.0 <2.0.0",
		["1.9", "1.13", "1.10.20"],
		["3.19", "3.23", "3.21.6"],
	),
	row("1.20", 15, "3.2", "3.4.13-0", "1.7.0", ">=1.3.0 <2.0.0", ["1.9", "1.12", "1.10.20"], ["3.18", "3.22", "3.20.6"]),
];

type Plugin = readonly [from: string, before: string, version: string];

/** Plugins: lowest minor version, the first one beyond, and what is taken by default. */
function row(
	series: string,
	patch: number,
	pause: string,
	etcd: string,
	coredns: string,
	containerd: string,
	cilium: Plugin,
	calico: Plugin,
): Series {
	const range = ([from, before]: Plugin): string => `>=${from}.0 <${before}.0`;
	return {
		series,
		patch,
		pause,
		etcd,
		coredns,
		containerd,
		cni: { cilium: range(cilium), calico: range(calico), flannel: FLANNEL.range },
		cniDefault: { cilium: cilium[2], calico: calico[2], flannel: FLANNEL.version },
		metricsServer: Number(series.slice(2)) >= 31 ? "v0.8.0" : Number(series.slice(2)) >= 27 ? "v0.7.2" : "v0.6.4",
	};
}
