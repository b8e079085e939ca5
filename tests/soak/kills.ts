/**
 * Many runs, killed at random moments, checkpoint writing included, and resumed.
 *
 * @module
 */
import { inFolder } from "../support/command.ts";
import { type Counts, KILLED, killedRuns } from "../support/kills.ts";

/** Kills `runs` runs twice each and prints the counts. */
export function soakKills(device: "cpu" | "gpu", runs: number, seed: number): Promise<void> {
  const args = ["--device", device, "train.epochs=4"];
  return inFolder({ "r.yaml": KILLED }, async (cwd) => {
    let last: Counts | undefined;
    for await (const counts of killedRuns(runs, { cwd, args, seed, each: 2 })) {
      last = counts;
      if (counts.runs % 10 === 0) console.error(said(counts));
    }
    console.log(`${device}: ${said(last!)}`);
  });
}

function said({ runs, kills, early, torn, ahead }: Counts): string {
  return `${runs} runs ended in the same bits after ${kills} kills ` +
    `(${torn} within a checkpoint's writing, ${ahead} with logs ahead of the newest checkpoint, ` +
    `${early} before the first)`;
}
