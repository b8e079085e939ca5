/**
 * qtrain as a peer: `qtrain.ts FILE THREADS int8|float32 cpu|gpu`, with ranges on the device, so that no
 * step waits for the host. It does not read the file: the data and weights in it are qtrain's own. Uses
 * the protocol of `serve.ts`.
 *
 * @module
 */
import { plan } from "../../lib/program/plan.ts";
import { openDevice } from "../../lib/runtime/device.ts";
import { Network } from "../../lib/train/network/network.ts";
import { VERSION } from "../../lib/core/version.ts";
import { gpuDevice, serve, type Trainer } from "./serve.ts";
import { batchesOf, RATE, recipeOf } from "./training.ts";

async function prepare(
  threads: number,
  arithmetic: "int8" | "float32",
  choice: "cpu" | "gpu",
): Promise<Trainer> {
  const recipe = recipeOf({ arithmetic, scheduler: "device" });
  const { data, batches } = await batchesOf(recipe);
  const { program } = plan(recipe, data);
  const device = await openDevice(choice, { threads });
  const executor = await device.createExecutor(program);
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
    ...(choice === "gpu" ? await gpuDevice(threads) : { device: device.name, threads }),
    async step() {
      if (flying === network.maxInFlight) await collect();
      await network.submit(batches[step % batches.length]!, step, RATE);
      step++, flying++;
    },
    loss: collect,
  };
}

const [, threads, arithmetic, choice] = Deno.args;
await serve(() =>
  prepare(Number(threads), arithmetic as "int8" | "float32", choice as "cpu" | "gpu")
);
