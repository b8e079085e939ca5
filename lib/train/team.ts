/**
 * What the training loops of all ranks agree on. Every rank runs the same loop on the same values, so what
 * a loop takes from outside (a signal, a clock, a file) goes through here. On one machine all of it is its
 * own.
 *
 * @module
 */
import type { Ranks } from "../distributed/ranks.ts";
import { RankError } from "../distributed/ranks.ts";
import { QtrainError } from "../core/errors.ts";

/** What a rank's loop tells the others in each step. */
interface Note {
  /** Whether the run is to stop. */
  readonly stop: boolean;
  /** Whether a checkpoint is due. */
  readonly due: boolean;
  /** The rank's clock, in milliseconds. */
  readonly now: number;
  readonly warnings: readonly string[];
}

interface TeamOptions {
  readonly ranks?: Ranks | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly warn?: ((text: string) => void) | undefined;
  /** A clock in milliseconds. */
  readonly now?: (() => number) | undefined;
}

const NOTHING = new Uint8Array();

/** One loop among those of all ranks. */
export class Team {
  readonly ranks: Ranks | undefined;
  readonly #options: TeamOptions;
  /** What the notes of all ranks said last. */
  #stop = false;
  #due = false;
  #now = 0;
  /** Warnings that the first rank has not given yet. */
  #warnings: string[] = [];
  readonly #given = new Set<string>();

  constructor(options: TeamOptions) {
    this.#options = options;
    // Alone there is nobody to agree with.
    this.ranks = options.ranks?.size === 1 ? undefined : options.ranks;
  }

  /** Whether this rank has the run's folder and speaks. */
  get isFirst(): boolean {
    return (this.ranks?.rank ?? 0) === 0;
  }

  /** Whether the run is to stop: the signal of any rank, as of the last exchange. */
  get stopped(): boolean {
    return this.ranks ? this.#stop : this.#options.signal?.aborted === true;
  }

  /** Whether a checkpoint is due, by the first rank, as of the last exchange. */
  isDue(own: boolean): boolean {
    return this.ranks ? this.#due : own;
  }

  /** The clock of the first rank in milliseconds, as of the last exchange. */
  readonly now = (): number =>
    this.ranks ? this.#now : (this.#options.now ?? (() => performance.now()))();

  /** Gives a warning, on the first rank, once; with the rank where it is another's. */
  readonly warn = (text: string): void => {
    if (!this.isFirst) this.#warnings.push(text);
    else this.#warn(text, text);
  };

  #warn(text: string, shown: string): void {
    if (this.ranks && this.#given.has(text)) return;
    if (this.ranks) this.#given.add(text);
    this.#options.warn?.(shown);
  }

  /** What this rank tells the others in the next exchange. @param due whether a checkpoint is due here */
  note(due = false): Uint8Array {
    if (!this.ranks) return NOTHING;
    const note: Note = {
      stop: this.#options.signal?.aborted === true,
      due,
      now: (this.#options.now ?? (() => performance.now()))(),
      warnings: this.#warnings.splice(0),
    };
    return encode(note);
  }

  /** Takes what all ranks told. */
  read(notes: readonly Uint8Array[]): void {
    if (!this.ranks || notes.length === 0) return;
    const all = notes.map((bytes) => decode(bytes) as Note);
    this.#stop = all.some(({ stop }) => stop);
    this.#due = all[0]!.due;
    this.#now = all[0]!.now;
    for (const [rank, { warnings }] of all.entries()) {
      if (!this.isFirst || rank === 0) continue;
      for (const text of warnings) this.#warn(text, `rank ${rank}: ${text}`);
    }
  }

  /** Exchanges notes outside of a step. */
  async sync(): Promise<void> {
    if (this.ranks) this.read(await this.ranks.gather(this.note()));
  }

  /** The value of every rank, in the order of ranks: plain values. */
  async all<T>(value: T): Promise<T[]> {
    if (!this.ranks) return [value];
    return (await this.ranks.gather(encode(value))).map((bytes) => decode(bytes) as T);
  }

  /** The first rank's value on all ranks: a plain value. @param make runs on the first rank only */
  async fromFirst<T>(make: () => Promise<T> | T): Promise<T> {
    if (!this.ranks) return await make();
    const [bytes] = await this.ranks.gather(this.isFirst ? encode([await make()]) : NOTHING);
    const [value] = decode(bytes!) as [T | null];
    return (value ?? undefined) as T;
  }

  /** The first rank's bytes on all ranks. @param make runs on the first rank only */
  async bytesFromFirst(
    make: () => Promise<Uint8Array<ArrayBuffer> | undefined>,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (!this.ranks) return await make();
    const own = this.isFirst ? await make() : undefined;
    const [bytes] = await this.ranks.gather(own ?? NOTHING);
    return bytes!.length > 0 ? bytes : undefined;
  }

  /** Tells the others that this rank cannot go on; but not what another rank has told. */
  async fail(error: unknown): Promise<void> {
    if (!this.ranks || error instanceof RankError) return;
    const message = error instanceof Error
      ? error instanceof QtrainError ? error.message : error.stack ?? error.message
      : String(error);
    await this.ranks.fail({ message, code: error instanceof QtrainError ? error.exitCode : 1 });
  }
}

function encode(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

function decode(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}
