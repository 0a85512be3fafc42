/** Milliseconds by a clock that nobody sets. `performance.now()` for the ways that every build takes: loading that costs more than they do. */
export function monotonic(): number {
	const [seconds, nanoseconds] = process.hrtime();
	return seconds * 1000 + nanoseconds / 1_000_000;
}
