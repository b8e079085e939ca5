/**
 * The exchanges of ranks as messages between two of them, which MPI moves while its thread does other
 * things.
 *
 * @module
 */
import type { Mpi, Requests } from "./bindings.ts";

/** An exchange under way. */
export interface Exchange {
  /** Makes progress. @returns whether it is done */
  step(): boolean;
}

/** Maximum bytes of one message: MPI counts them in a C int. */
const MAX_MESSAGE = 2 ** 30;

/** Maximum bytes that {@linkcode Gather} sends before the lengths are known, its header included. */
const MAX_FIRST = 4096;

/** Bytes of the header: the length of all that a rank gives. */
const HEADER = 8;

/** Tag of messages that are no part of an exchange: a rank has failed, or leaves. */
export const NOTE_TAG = 1;

/** Messages that ranks send in the same order: those of an exchange's kind; a gather's lengths and the rest. */
const SERIES = ["allToAll", "allGather", "gather", "rest of gather"] as const;

/** Tags repeat after as many exchanges of a kind: a library need not have more than 32767. */
const MAX_TURNS = 8000;

/** The tag of the messages of an exchange, by its number among those of its kind. */
function tagOf(series: typeof SERIES[number], turn: number): number {
  return NOTE_TAG + 1 + MAX_TURNS * SERIES.indexOf(series) + turn % MAX_TURNS;
}

/** Bytes to or from a rank. */
interface Message {
  readonly rank: number;
  readonly bytes: Uint8Array;
}

/** Messages under way to and from ranks, with one tag. */
export class Transfer implements Exchange {
  readonly #mpi: Mpi;
  readonly #requests: Requests;
  readonly #tag: number;
  /** Kept, so that the memory stays while MPI uses it. */
  readonly #coming: readonly Message[];
  readonly #going: readonly Message[];
  #begun = false;

  constructor(mpi: Mpi, tag: number, receive: readonly Message[], send: readonly Message[]) {
    this.#mpi = mpi;
    this.#tag = tag;
    this.#coming = receive.flatMap(pieces);
    this.#going = send.flatMap(pieces);
    this.#requests = mpi.requests(this.#coming.length + this.#going.length);
  }

  step(): boolean {
    if (!this.#begun) this.#begin();
    return this.#coming.length + this.#going.length === 0 || this.#mpi.test(this.#requests);
  }

  /** Not in the constructor: when MPI fails at one message, it may still use the memory of those before. */
  #begin(): void {
    this.#begun = true;
    const mpi = this.#mpi, tag = this.#tag, requests = this.#requests;
    let request = 0;
    // First all that receive, so that what comes finds its place.
    for (const { rank, bytes } of this.#coming) mpi.receive(bytes, rank, tag, requests, request++);
    for (const { rank, bytes } of this.#going) mpi.send(bytes, rank, tag, requests, request++);
  }
}

/** Waits for all ranks. */
export class Barrier implements Exchange {
  readonly #mpi: Mpi;
  readonly #requests: Requests;

  constructor(mpi: Mpi) {
    this.#mpi = mpi;
    this.#requests = mpi.requests(1);
    mpi.barrier(this.#requests, 0);
  }

  step(): boolean {
    return this.#mpi.test(this.#requests);
  }
}

/** Where a rank stands among all. */
interface Place {
  readonly rank: number;
  readonly size: number;
}

/** Sends a part to each other rank and receives one from each. */
export function allToAll(
  mpi: Mpi,
  place: Place,
  turn: number,
  parts: readonly Uint8Array[],
  into: readonly Uint8Array[],
): Exchange {
  into[place.rank]!.set(parts[place.rank]!);
  const messages = (all: readonly Uint8Array[], sign: 1 | -1) =>
    others(place, sign).map((rank) => ({ rank, bytes: all[rank]! }));
  return new Transfer(mpi, tagOf("allToAll", turn), messages(into, -1), messages(parts, 1));
}

/** Sends a rank's part to all others and receives theirs. */
export function allGather(
  mpi: Mpi,
  place: Place,
  turn: number,
  parts: readonly Uint8Array[],
): Exchange {
  const receive = others(place, -1).map((rank) => ({ rank, bytes: parts[rank]! }));
  const send = others(place, 1).map((rank) => ({ rank, bytes: parts[place.rank]! }));
  return new Transfer(mpi, tagOf("allGather", turn), receive, send);
}

/**
 * Sends bytes to all others and receives theirs, of a number that only they know: the first message has
 * it and what fits, the second the rest.
 */
export class Gather implements Exchange {
  readonly #mpi: Mpi;
  readonly #place: Place;
  readonly #turn: number;
  readonly #own: Uint8Array;
  readonly #firsts: readonly Message[];
  readonly #sent: readonly Exchange[];
  /** What each rank gave, once it is there. */
  readonly given: Uint8Array<ArrayBuffer>[] = [];
  #rest: Exchange | undefined;

  constructor(mpi: Mpi, place: Place, turn: number, bytes: Uint8Array) {
    const fits = MAX_FIRST - HEADER;
    const head = bytesOf(HEADER + Math.min(bytes.length, fits));
    new DataView(head.buffer).setBigUint64(0, BigInt(bytes.length), true);
    head.set(bytes.subarray(0, fits), HEADER);
    const receivers = others(place, 1),
      message = (part: Uint8Array) => (rank: number) => ({
        rank,
        bytes: part,
      });
    this.#mpi = mpi;
    this.#place = place;
    this.#turn = turn;
    this.#own = bytes;
    this.#firsts = others(place, -1).map((rank) => ({ rank, bytes: bytesOf(MAX_FIRST) }));
    this.#sent = [
      new Transfer(mpi, tagOf("gather", turn), this.#firsts, receivers.map(message(head))),
      new Transfer(
        mpi,
        tagOf("rest of gather", turn),
        [],
        receivers.map(message(bytes.subarray(fits))),
      ),
    ];
  }

  step(): boolean {
    const [first, rest] = this.#sent.map((transfer) => transfer.step());
    if (!first) return false;
    this.#rest ??= this.#receiveRest();
    return this.#rest.step() && rest!;
  }

  #receiveRest(): Exchange {
    const fits = MAX_FIRST - HEADER;
    this.given[this.#place.rank] = new Uint8Array(this.#own);
    const rest = this.#firsts.map(({ rank, bytes }) => {
      const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
      const given = this.given[rank] = bytesOf(length);
      given.set(bytes.subarray(HEADER, HEADER + Math.min(length, fits)));
      return { rank, bytes: given.subarray(fits) };
    });
    return new Transfer(this.#mpi, tagOf("rest of gather", this.#turn), rest, []);
  }
}

/**
 * The other ranks: for those to send to from the next one up (sign 1), for those to receive from down,
 * so that no two ranks send to the same one at once.
 */
function others({ rank, size }: Place, sign: 1 | -1): number[] {
  return Array.from({ length: size - 1 }, (_, i) => (rank + sign * (i + 1) + size) % size);
}

/** The messages that carry bytes; none for none. */
function pieces({ rank, bytes }: Message): Message[] {
  const count = Math.ceil(bytes.length / MAX_MESSAGE);
  return Array.from({ length: count }, (_, i) => ({
    rank,
    bytes: bytes.subarray(i * MAX_MESSAGE, (i + 1) * MAX_MESSAGE),
  }));
}

/** Bytes whose place in memory does not change. */
function bytesOf(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length));
}
