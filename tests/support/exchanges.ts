/**
 * What every engine of ranks must do: exchanges of all kinds, and what must come of them.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Ranks } from "../../lib/distributed/ranks.ts";

/** Memory that threads share. */
export const shared = (length: number) => new Uint8Array(new SharedArrayBuffer(length));
const value = (from: number, to: number) => 16 * from + to + 1;

/** Parts of an exchange between all ranks, and what must come of it. */
export async function allToAll(ranks: Ranks, bytes: (from: number, to: number) => number) {
  const { rank, size } = ranks, all = [...Array(size).keys()];
  const parts = all.map((to) => shared(bytes(rank, to)).fill(value(rank, to)));
  const into = all.map((from) => shared(bytes(from, rank)));
  await ranks.allToAll(parts, into);
  for (const from of all) assert.ok(into[from]!.every((byte) => byte === value(from, rank)));
}

const MOST = 4_000_000;

async function allGather(ranks: Ranks, bytes: (from: number) => number) {
  const { rank, size } = ranks, memory = shared(size * MOST);
  const parts = [...Array(size).keys()].map((from) =>
    memory.subarray(from * MOST, from * MOST + bytes(from))
  );
  parts[rank]!.fill(value(rank, 0));
  await ranks.allGather(parts);
  for (const [from, part] of parts.entries()) {
    assert.ok(part.every((byte) => byte === value(from, 0)));
  }
}

export async function gather(ranks: Ranks, bytes: (from: number) => number) {
  const given = await ranks.gather(new Uint8Array(bytes(ranks.rank)).fill(value(ranks.rank, 0)));
  assert.deepEqual(given.map(({ length }) => length), given.map((_, from) => bytes(from)));
  assert.ok(given.every((part, from) => part.every((byte) => byte === value(from, 0))));
}

/** Exchanges of all kinds, of which all ranks must call this. */
export async function exchangeAll(ranks: Ranks): Promise<void> {
  await gather(ranks, (from) => from * 3);
  await gather(ranks, (from) => [0, 4088, 4089, 1_000_001][from % 4]!);
  await allToAll(ranks, () => 3_000_000);
  await allToAll(ranks, (from, to) => from === to ? 5 : 7 * from + 11 * to);
  await allToAll(ranks, (from, to) => from < to ? 0 : 100);
  await allGather(ranks, (from) => 3_000_000 + from);
  // Many at once: those of a kind in the same order on all ranks, the kinds in an order of each rank's own.
  const kinds = [
    (i: number) => gather(ranks, (from) => i * 300 * from),
    (i: number) => allToAll(ranks, (from, to) => 1000 * i + from + to),
    (i: number) => allGather(ranks, (from) => i * 500 * from),
  ];
  await Promise.all(
    [...Array(39).keys()].map((i) => kinds[(i + ranks.rank) % 3]!(Math.floor(i / 3))),
  );
  // Ranks at different paces.
  if (ranks.rank === 0) await new Promise((resolve) => setTimeout(resolve, 100));
  await gather(ranks, () => 1);
}
