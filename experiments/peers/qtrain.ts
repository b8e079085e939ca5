/**
 * qtrain as a peer: `qtrain.ts FILE int8` or `qtrain.ts FILE float32`, with ranges on the device, so that
 * no step waits for the host. It does not read the file: the data and weights in it are qtrain's own.
 * Uses the protocol of `serve.ts`.
 *
 * @module
 */
import { plan } from "../../lib/program/plan.ts";
import { openDevice } from "../../lib/runtime/device.ts";
import { Network } from "../../lib/train/network/network.ts";
import { VERSION } from "../../lib/core/version.ts";
import { serve, type Trainer } from "./serve.ts";
import { batchesOf, RATE, recipeOf } from "./training.ts";

async function prepare(arithmetic: "int8" | "float32"): Promise<Trainer> {
  const recipe = recipeOf({ arithmetic, scheduler: "device" });
  const { data, batches } = await batchesOf(recipe);
  const { program } = plan(recipe, data);
  const executor = await (await openDevice("gpu")).createExecutor(program);
  const network = new Network(program, executor, recipe.seed, recipe.quantize, data);
  network.initialize();
  await network.calibrate([batches[0]!]);
  let step = 0, flying = 0, last = NaN;
  const collect = async () => {
    last = (await network.collect()).at(-1)?.loss ?? last;
    flying = 0;
    return last;
  };
  return {
    version: VERSION,
    async step() {
      if (flying === network.maxInFlight) await collect();
      await network.submit(batches[step % batches.length]!, step, RATE);
      step++, flying++;
    },
    loss: collect,
  };
}

await serve(() => prepare(Deno.args[1] as "int8" | "float32"));
