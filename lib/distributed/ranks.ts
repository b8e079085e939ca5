/**
 * What distributed training asks of the engine that starts its processes and moves their bytes: MPI
 * (lib/distributed/mpi), one process alone, or several in one thread for tests.
 *
 * @module
 */
import { QtrainError } from "../core/errors.ts";

/** Bytes that an engine may read or write from another thread while an exchange is under way. */
export type SharedBytes = Uint8Array<SharedArrayBuffer>;

/**
 * The processes that train together, each a rank. All ranks call each method that exchanges bytes with the
 * same things in the same order, but those of two methods in any; and may call the next one before the
 * last one is done. When a rank has failed, all that is
 * under way and all later calls reject with its {@linkcode RankError}, on every rank.
 */
export interface Ranks {
  /** This rank, from 0. */
  readonly rank: number;
  /** Number of ranks. */
  readonly size: number;
  /** Number of ranks on the host of this one, itself included. */
  readonly onHost: number;
  /**
   * Number of ranks that run on the cores of this one, itself included: those on its host, unless the
   * launcher has bound them to different cores.
   */
  readonly onCores: number;
  /** Engine and version, for people. */
  readonly engine: string;
  /** Returns the bytes that each rank gives, in the order of ranks; any number of bytes from each. */
  gather(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>[]>;
  /**
   * Sends `parts[i]` to rank i and writes what it sends to `into[i]`, of as many bytes as that rank
   * sends; a rank's own part is copied. `parts` must not change before the exchange is done.
   */
  allToAll(parts: readonly SharedBytes[], into: readonly SharedBytes[]): Promise<void>;
  /** Sends `parts[rank]` to all others and receives `parts[i]` from rank i, in place. */
  allGather(parts: readonly SharedBytes[]): Promise<void>;
  /**
   * Tells all ranks that this one cannot go on, and why. Does not wait for them longer than a few
   * seconds; never rejects.
   */
  fail(error: RankFailure): Promise<void>;
  /**
   * Leaves the engine, when all ranks do; after a failure, without waiting for those that do not answer.
   * After a failure the engine may end the process, with the failure's exit code.
   */
  close(): Promise<void>;
}

/** Why a rank cannot go on. */
export interface RankFailure {
  /** For people, without the rank. */
  readonly message: string;
  /** The exit code that the ranks end with. */
  readonly code: number;
}

/** A rank has failed, or is gone. */
export class RankError extends QtrainError {
  /** Exit code of the process: the failure's. */
  readonly exitCode: number;

  /**
   * Creates the error.
   *
   * @param rank the rank that failed
   * @param failure why
   */
  constructor(readonly rank: number, readonly failure: RankFailure) {
    super(`rank ${rank}: ${failure.message}`);
    this.exitCode = failure.code;
  }
}
