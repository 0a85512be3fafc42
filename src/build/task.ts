/** Work beside the steps, told as events. */
import { messageOf } from "../errors.ts";
import type { Emit } from "../events.ts";

let last = 0;

export interface Task {
	readonly id: string;
	log(line: string): void;
	progress(current: number, total?: number, note?: string): void;
	/** Shown when the task is done. */
	note: string | undefined;
}

export async function task<T>(emit: Emit, title: string, work: (task: Task) => Promise<T>): Promise<T> {
	const id = `task-${++last}`;
	const start = performance.now();
	const elapsed = (): number => Math.round(performance.now() - start);
	emit({ type: "task-start", id, title });
	const handle: Task = {
		id,
		note: undefined,
		log: (line) => emit({ type: "task-log", id, line }),
		progress: (current, total, note) =>
			emit({
				type: "task-progress",
				id,
				current,
				...(total === undefined ? {} : { total }),
				...(note === undefined ? {} : { note }),
			}),
	};
	try {
		const result = await work(handle);
		const { note } = handle;
		emit({ type: "task-done", id, milliseconds: elapsed(), ...(note === undefined ? {} : { note }) });
		return result;
	} catch (error) {
		emit({ type: "task-failed", id, milliseconds: elapsed(), message: messageOf(error) });
		throw error;
	}
}
