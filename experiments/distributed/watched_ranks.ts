/**
 * Ranks whose exchanges are written down, to be repeated alone, and can be held back.
 *
 * @module
 */
import type { RankFailure, Ranks, SharedBytes } from "../../lib/distributed/ranks.ts";

/** An exchange, and the bytes of each rank's part. */
export interface Exchanged {
  readonly kind: "allToAll" | "allGather" | "gather";
  readonly bytes: readonly number[];
}

/** Passes all calls on. */
export class WatchedRanks implements Ranks {
  readonly rank: number;
  readonly size: number;
  readonly onHost: number;
  readonly onCores: number;
  readonly engine: string;
  /** The exchanges since it was last emptied. */
  readonly log: Exchanged[] = [];
  /** Exchanges of gradients wait for it. */
  gate: Promise<void> | undefined;

  constructor(readonly ranks: Ranks) {
    ({
      rank: this.rank,
      size: this.size,
      onHost: this.onHost,
      onCores: this.onCores,
      engine: this.engine,
    } = ranks);
  }

  gather(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>[]> {
    this.log.push({ kind: "gather", bytes: [bytes.length] });
    return this.ranks.gather(bytes);
  }

  async allToAll(parts: readonly SharedBytes[], into: readonly SharedBytes[]): Promise<void> {
    this.#note("allToAll", parts);
    if (this.gate) await this.gate;
    await this.ranks.allToAll(parts, into);
  }

  async allGather(parts: readonly SharedBytes[]): Promise<void> {
    this.#note("allGather", parts);
    if (this.gate) await this.gate;
    await this.ranks.allGather(parts);
  }

  fail(failure: RankFailure): Promise<void> {
    return this.ranks.fail(failure);
  }

  close(): Promise<void> {
    return this.ranks.close();
  }

  #note(kind: Exchanged["kind"], parts: readonly SharedBytes[]): void {
    this.log.push({ kind, bytes: parts.map(({ length }) => length) });
  }
}
