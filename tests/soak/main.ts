/**
 * `deno task test:soak [kills|steps] [N]`: what takes too long for `deno task test`.
 *
 *     kills [N]   N runs (100) on the CPU and N / 4 on the GPU, each killed twice and resumed
 *     steps [N]   N steps (10000) on either device: resident memory and GPU buffers over time
 *
 * Exits with 1 where something does not hold.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { HAS_GPU } from "../support/command.ts";
import { soakKills } from "./kills.ts";
import { soakSteps } from "./steps.ts";

const { positionals: [what, n], values: { seed, device } } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string", default: "1" }, device: { type: "string" } },
});
const devices = (device === undefined ? ["cpu", "gpu"] : [device]) as ("cpu" | "gpu")[];
for (const device of devices.filter((d) => d === "cpu" || HAS_GPU)) {
  if (what === undefined || what === "kills") {
    const runs = Number(n ?? 100);
    await soakKills(device, device === "cpu" ? runs : Math.ceil(runs / 4), Number(seed));
  }
  if (what === undefined || what === "steps") await soakSteps(device, Number(n ?? 10_000));
}
