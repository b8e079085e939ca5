/**
 * A run that is killed at any moment goes on to the same bits. The long version is `task test:soak`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { HAS_GPU, inFolder } from "./support/command.ts";
import { type Counts, KILLED, killedRuns } from "./support/kills.ts";

for (const [device, runs] of [["cpu", 2], ["gpu", 1]] as const) {
  Deno.test({
    name: `runs that are killed at random moments end in the same bits (${device})`,
    ignore: Deno.build.os === "windows" || device === "gpu" && !HAS_GPU,
    fn: () =>
      inFolder({ "r.yaml": KILLED }, async (cwd) => {
        const args = ["--device", device], seed = 1;
        let counts: Counts | undefined;
        for await (counts of killedRuns(runs, { cwd, args, seed, each: 2 }));
        assert.equal(counts!.runs, runs);
        assert.ok(counts!.kills > 0, "at least one was killed before its end");
      }),
  });
}
