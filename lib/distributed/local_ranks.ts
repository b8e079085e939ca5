/**
 * Ranks in one thread: one alone, or several whose tasks take turns, as tests have them.
 *
 * @module
 */
import { RankError, type RankFailure, type Ranks, type SharedBytes } from "./ranks.ts";

/** What all ranks give to one exchange, and the promise of having it all. */
interface Meeting {
  readonly given: unknown[];
  missing: number;
  readonly complete: Promise<unknown[]>;
  readonly settle: (given: unknown[]) => void;
  readonly reject: (error: Error) => void;
}

/** Where the ranks of one group meet. */
class Hub {
  failed: RankError | undefined;
  readonly #meetings = new Map<string, Meeting>();

  constructor(readonly size: number) {}

  /** Gives `what` to an exchange. @returns what every rank gave, in their order */
  meet<T>(turn: string, rank: number, what: T): Promise<T[]> {
    if (this.failed) return Promise.reject(this.failed);
    const meeting = this.#meetings.get(turn) ?? this.#open(turn);
    meeting.given[rank] = what;
    if (--meeting.missing === 0) {
      this.#meetings.delete(turn);
      meeting.settle(meeting.given);
    }
    return meeting.complete as Promise<T[]>;
  }

  fail(error: RankError): void {
    this.failed ??= error;
    for (const { reject } of this.#meetings.values()) reject(this.failed);
    this.#meetings.clear();
  }

  #open(turn: string): Meeting {
    const { promise, resolve, reject } = Promise.withResolvers<unknown[]>();
    promise.catch(() => {}); // Who waits still gets the error.
    const meeting = {
      given: new Array<unknown>(this.size),
      missing: this.size,
      complete: promise,
      settle: resolve,
      reject,
    };
    this.#meetings.set(turn, meeting);
    return meeting;
  }
}

class LocalRank implements Ranks {
  readonly size: number;
  readonly onHost: number;
  readonly onCores: number;
  readonly engine = "one process";
  readonly #hub: Hub;
  /** Exchanges so far. */
  readonly #turns = { gather: 0, allToAll: 0, allGather: 0, close: 0 };

  constructor(readonly rank: number, hub: Hub) {
    this.#hub = hub;
    this.size = this.onHost = this.onCores = hub.size;
  }

  async gather(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>[]> {
    const all = await this.#meet(this.#next("gather"), bytes.slice());
    return all.map((bytes) => new Uint8Array(bytes));
  }

  async allToAll(parts: readonly SharedBytes[], into: readonly SharedBytes[]): Promise<void> {
    const turn = this.#next("allToAll"), all = await this.#meet(turn, parts);
    for (const [from, parts] of all.entries()) into[from]!.set(parts[this.rank]!);
    await this.#meet(`${turn} done`); // The parts may change now.
  }

  async allGather(parts: readonly SharedBytes[]): Promise<void> {
    const turn = this.#next("allGather"), all = await this.#meet(turn, parts[this.rank]!);
    for (const [from, part] of all.entries()) if (from !== this.rank) parts[from]!.set(part);
    await this.#meet(`${turn} done`);
  }

  fail(failure: RankFailure): Promise<void> {
    this.#hub.fail(new RankError(this.rank, failure));
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#meet(this.#next("close")).catch(() => {});
  }

  /** The name of this rank's next exchange of a kind, which is that of all ranks. */
  #next(kind: "gather" | "allToAll" | "allGather" | "close"): string {
    return `${kind} ${this.#turns[kind]++}`;
  }

  #meet<T>(turn: string, what?: T): Promise<T[]> {
    return this.#hub.meet<T>(turn, this.rank, what as T);
  }
}

/** Ranks whose callers run side by side in this thread. */
export function localRanks(size: number): Ranks[] {
  const hub = new Hub(size);
  return Array.from({ length: size }, (_, rank) => new LocalRank(rank, hub));
}
