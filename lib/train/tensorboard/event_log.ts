/**
 * `events/` in a run's folder, for TensorBoard. Each start of a run begins a new file; files are only
 * appended to. Where a run goes back to a checkpoint, the files say so, and readers forget what came
 * after it. Files that cannot be written are no reason to lose a checkpoint: they end, with a warning.
 *
 * @module
 */
import { joinBytes } from "../../core/bytes.ts";
import { appendDurably, appendSoon, fileError, makeFolder } from "../../core/files.ts";
import type { EpochEvent, StepEvent } from "../events.ts";
import { startEvent, summaryEvent, type Value, versionEvent } from "./event.ts";
import { frame } from "./record.ts";
import { epochValues, rangeValues, stepValues } from "./values.ts";

/** Logged steps of a run of which ranges are written: 150 quantizers take 20 kB a step. */
const RANGE_STEPS = 200;
/** Milliseconds between records that are written while an epoch goes on. */
const WRITE_MS = 1000;

const FILE = /^events\.out\.tfevents\.(\d{10,12})\.qtrain$/;

/** How a run logs. */
interface EventLogOptions {
  /** Steps done where the run begins or goes on. */
  readonly step: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** `train.log_every`. */
  readonly logEvery: number;
  /** The recipe as YAML. */
  readonly recipeText: string;
  /** Called once, when the files cannot be written. */
  readonly warn?: ((text: string) => void) | undefined;
}

/** The event file of one start of a run. */
export class EventLog {
  readonly #path: string;
  readonly #rangesEvery: number;
  /** Records that are not yet written. */
  #pending: Uint8Array[] = [];
  /** Whether records are written but perhaps not on the disk. */
  #unflushed = false;
  #written = -Infinity;
  /** Whether the file could not be written: nothing more is. */
  #ended = false;

  private constructor(readonly folder: string, file: string, readonly options: EventLogOptions) {
    const { steps, logEvery, step, recipeText } = options;
    this.#path = `${folder}/${file}`;
    this.#rangesEvery = logEvery * Math.ceil(steps / logEvery / RANGE_STEPS);
    this.restart(step);
    const fence = "`".repeat(3 + longestFence(recipeText));
    this.#add(step, [{ tag: "recipe", text: `${fence}yaml\n${recipeText.trimEnd()}\n${fence}` }]);
  }

  /**
   * Begins a file, whose name sorts after those that are there. Nothing is written yet.
   *
   * @param folder the folder of event files
   * @throws {UsageError} when the folder cannot be read
   */
  static async begin(folder: string, options: EventLogOptions): Promise<EventLog> {
    let seconds = Math.floor(Date.now() / 1000);
    try {
      for await (const { name } of Deno.readDir(folder)) {
        seconds = Math.max(seconds, Number(FILE.exec(name)?.[1] ?? 0) + 1);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw fileError(error, "write", folder);
    }
    return new EventLog(folder, `events.out.tfevents.${seconds}.qtrain`, options);
  }

  /** Goes back to a state of the run: readers are to forget what came after it. */
  restart(step: number): void {
    if (this.#ended) return;
    // Readers forget the step that is named too, which is kept.
    this.#pending.push(frame(startEvent(now(), step === 0 ? 0 : step + 1)));
  }

  /** Adds a logged step. */
  step(event: StepEvent): void {
    const ranges = event.step % this.#rangesEvery === 0 || event.step === event.steps;
    this.#add(event.step, [
      ...stepValues(event),
      ...(ranges ? rangeValues(event.observations) : []),
    ]);
  }

  /** Adds an epoch. */
  epoch(event: EpochEvent): void {
    this.#add(event.step, epochValues(event));
  }

  /** Appends pending records, once a second at most; what cannot be written is left to `flush`. */
  async writeSoon(): Promise<void> {
    if (this.#pending.length === 0 || performance.now() - this.#written < WRITE_MS) return;
    const bytes = await this.#content().catch(() => undefined);
    if (bytes && await appendSoon(this.#path, bytes)) {
      this.#pending = [];
      this.#unflushed = true;
    }
    this.#written = performance.now();
  }

  /** Appends pending records and flushes the file to the disk. */
  async flush(): Promise<void> {
    if (this.#pending.length === 0 && !this.#unflushed) return;
    try {
      await appendDurably(this.#path, await this.#content());
    } catch (error) {
      this.#ended = true;
      this.options.warn?.(`${(error as Error).message}. Training goes on without event files`);
    }
    this.#pending = [];
    this.#unflushed = false;
  }

  #add(step: number, values: readonly Value[]): void {
    if (this.#ended) return;
    this.#pending.push(frame(summaryEvent(now(), step, values)));
  }

  /** What to append. A file that is not there begins with its version: also if somebody has deleted it. */
  async #content(): Promise<Uint8Array<ArrayBuffer>> {
    const size = await Deno.stat(this.#path).then((info) => info.size, () => 0);
    if (size > 0) return joinBytes(this.#pending);
    await makeFolder(this.folder);
    return joinBytes([frame(versionEvent(now())), ...this.#pending]);
  }
}

/** Seconds since 1970. */
function now(): number {
  return Date.now() / 1000;
}

/** The most backticks in a row, beyond two. */
function longestFence(text: string): number {
  const runs = text.match(/`{3,}/g) ?? [];
  return runs.reduce((most, run) => Math.max(most, run.length - 2), 0);
}
