/**
 * One rank of a test under an MPI launcher: does what its argument names, and says what it saw on lines
 * that begin with "saw".
 *
 * @module
 */
import assert from "node:assert/strict";
import { openMpi } from "../../lib/distributed/mpi/mpi_ranks.ts";
import { RankError, type Ranks } from "../../lib/distributed/ranks.ts";
import { allToAll, exchangeAll, gather, shared } from "./exchanges.ts";

async function exchange(ranks: Ranks): Promise<void> {
  await exchangeAll(ranks);
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
