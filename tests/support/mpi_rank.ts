/**
 * One rank of a test under an MPI launcher: does what its argument names, and says what it saw on lines
 * that begin with "saw".
 *
 * @module
 */
import assert from "node:assert/strict";
import { openMpi } from "../../lib/distributed/mpi/mpi_ranks.ts";
import { RankError, type Ranks } from "../../lib/distributed/ranks.ts";

const shared = (length: number) => new Uint8Array(new SharedArrayBuffer(length));
const value = (from: number, to: number) => 16 * from + to + 1;

/** Parts of an exchange between all ranks, and what must come of it. */
async function allToAll(ranks: Ranks, bytes: (from: number, to: number) => number) {
  const { rank, size } = ranks, all = [...Array(size).keys()];
  const parts = all.map((to) => shared(bytes(rank, to)).fill(value(rank, to)));
  const into = all.map((from) => shared(bytes(from, rank)));
  await ranks.allToAll(parts, into);
  for (const from of all) assert.ok(into[from]!.every((byte) => byte === value(from, rank)));
}

async function allGather(ranks: Ranks, bytes: (from: number) => number) {
  const { rank, size } = ranks, memory = shared(size * 8_000_000);
  const parts = [...Array(size).keys()].map((from) =>
    memory.subarray(from * 8_000_000, from * 8_000_000 + bytes(from))
  );
  parts[rank]!.fill(value(rank, 0));
  await ranks.allGather(parts);
  for (const [from, part] of parts.entries()) {
    assert.ok(part.every((byte) => byte === value(from, 0)));
  }
}

async function gather(ranks: Ranks, bytes: (from: number) => number) {
  const given = await ranks.gather(new Uint8Array(bytes(ranks.rank)).fill(value(ranks.rank, 0)));
  assert.deepEqual(given.map(({ length }) => length), given.map((_, from) => bytes(from)));
  assert.ok(given.every((part, from) => part.every((byte) => byte === value(from, 0))));
}

async function exchange(ranks: Ranks): Promise<void> {
  await gather(ranks, (from) => from * 3);
  await gather(ranks, (from) => [0, 4088, 4089, 1_000_001][from % 4]!);
  await allToAll(ranks, () => 3_000_000);
  await allToAll(ranks, (from, to) => from === to ? 5 : 7 * from + 11 * to);
  await allToAll(ranks, (from, to) => from < to ? 0 : 100);
  await allGather(ranks, (from) => 3_000_000 + from);
  // Many at once, of which all ranks start the same ones in the same order.
  await Promise.all([...Array(40).keys()].map((i) => {
    if (i % 3 === 0) return gather(ranks, (from) => i * 300 * from);
    if (i % 3 === 1) return allToAll(ranks, (from, to) => 1000 * i + from + to);
    return allGather(ranks, (from) => i * 500 * from);
  }));
  // Ranks at different paces.
  if (ranks.rank === 0) await new Promise((resolve) => setTimeout(resolve, 100));
  await gather(ranks, () => 1);
  console.log("saw", ranks.rank, ranks.size, ranks.onHost, ranks.onCores, ranks.engine);
  await ranks.close();
}

/** The last rank fails while the others wait for it; they leave with its code. */
async function fail(ranks: Ranks): Promise<void> {
  const last = ranks.size - 1;
  if (ranks.rank === last) await ranks.fail({ message: "the disk is full — ✗", code: 5 });
  const exchanges = [gather(ranks, () => 10), allToAll(ranks, () => 3_000_000)];
  for (const { status, reason } of await Promise.allSettled(exchanges) as PromiseRejectedResult[]) {
    assert.equal(status, "rejected");
    assert.ok(reason instanceof RankError);
    assert.equal(reason.rank, last);
    assert.equal(reason.exitCode, 5);
    assert.equal(reason.message, `rank ${last}: the disk is full — ✗`);
  }
  await assert.rejects(ranks.gather(new Uint8Array(1)), RankError);
  // Rank 0 writes a report.
  if (ranks.rank === 0) await new Promise((resolve) => setTimeout(resolve, 300));
  console.log("saw", ranks.rank);
  await ranks.close();
}

/** What MPI itself says is a rank's failure: here bytes that do not fit. */
async function truncate(ranks: Ranks): Promise<void> {
  const { rank } = ranks, into = [0, 1].map((from) => shared(from === rank ? 100 : 50));
  await assert.rejects(ranks.allToAll([shared(100), shared(100)], into), (error: Error) => {
    assert.ok(error instanceof RankError);
    assert.match(error.message, /^rank [01]: .*: an exchange failed: .*truncated/i);
    return true;
  });
  console.log("saw", rank);
  await ranks.close();
}

const works: Record<string, (ranks: Ranks) => Promise<void>> = { exchange, fail, truncate };
try {
  await works[Deno.args[0]!]!(await openMpi());
} catch (error) {
  console.log((error as Error).stack);
  Deno.exit(70);
}
