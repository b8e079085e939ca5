/**
 * What a rank says to all others outside of an exchange, as bytes: that it has failed, or that it leaves
 * after a failure.
 *
 * @module
 */
import type { RankFailure } from "../ranks.ts";

/** A rank's note. */
export interface Note {
  readonly rank: number;
  /** Why it failed; absent if it leaves. */
  readonly failure?: RankFailure;
}

/** Maximum bytes of a note. A longer message is cut. */
export const MAX_NOTE = 4096;

/** Bytes before the message: the kind, the rank, the exit code, the message's length. */
const HEADER = 16;

/** Writes a note. */
export function writeNote({ rank, failure }: Note): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(MAX_NOTE)), view = new DataView(bytes.buffer);
  const { written } = new TextEncoder().encodeInto(failure?.message ?? "", bytes.subarray(HEADER));
  [failure ? 1 : 0, rank, failure?.code ?? 0, written].forEach((value, i) =>
    view.setInt32(4 * i, value, true)
  );
  return bytes.subarray(0, HEADER + written);
}

/** Reads a note. */
export function readNote(bytes: Uint8Array<ArrayBuffer>): Note {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [kind, rank, code, length] = [0, 1, 2, 3].map((i) => view.getInt32(4 * i, true));
  if (kind === 0) return { rank: rank! };
  const message = new TextDecoder().decode(bytes.subarray(HEADER, HEADER + length!));
  return { rank: rank!, failure: { code: code!, message } };
}
