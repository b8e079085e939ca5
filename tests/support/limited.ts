/**
 * Trains a recipe on the GPU with so many MiB more than the process has by then: in a process of its own.
 * Arguments: the recipe as JSON, the MiB.
 *
 * @module
 */
import { DeviceMemoryError } from "../../lib/core/errors.ts";
import { openDevice } from "../../lib/runtime/device.ts";
import { train } from "../../lib/train/train.ts";

const [recipe, more] = [JSON.parse(Deno.args[0]!), Number(Deno.args[1])];
const opened = await openDevice("gpu");
const status = await Deno.readTextFile("/proc/self/status");
const now = Number(/VmData:\s+(\d+)/.exec(status)![1]) * 2 ** 10;
const limit = `--data=${now + more * 2 ** 20}`;
await new Deno.Command("prlimit", { args: ["--pid", `${Deno.pid}`, limit] }).output();
try {
  for await (const { type } of train(recipe, { opened })) console.log(type);
} catch (error) {
  if (!(error instanceof DeviceMemoryError)) throw error;
  console.error(error.message);
  Deno.exit(error.exitCode);
}
