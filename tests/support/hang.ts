/**
 * Trains on a GPU that takes long for a step, from `slow` steps on: in a process of its own, as it may be
 * killed. Arguments: the step, and how often the work of a kernel is done in it.
 *
 * @module
 */
import { openDevice } from "../../lib/runtime/device.ts";
import type { Program, Step } from "../../lib/program/program.ts";
import { train } from "../../lib/train/train.ts";
import { SHORT } from "./short_recipe.ts";

const [slow, times] = Deno.args.map(Number) as [number, number];
const device = await openDevice("gpu", { watchdog: true });
let step = 0;
const opened = {
  ...device,
  createExecutor: async (program: Program) => {
    const executor = await device.createExecutor(program);
    const [first] = program.sections.forward as [Step];
    return new Proxy(executor, {
      get: (target, name) => {
        const value = target[name as keyof typeof target] as unknown;
        if (typeof value !== "function") return value;
        if (name !== "run") return value.bind(target);
        return (steps: readonly Step[], ...rest: unknown[]) => {
          const more = step >= slow ? Array<Step>(times).fill(first) : [];
          return value.call(target, [...more, ...steps], ...rest);
        };
      },
    });
  },
};
// On the host, one step is in flight at a time: later ones are not submitted before this one is reported.
const recipe = { ...SHORT, quantize: { ...SHORT.quantize, scheduler: "host" as const } };
for await (const event of train(recipe, { opened })) {
  if (event.type !== "step") continue;
  step = event.step;
  console.log(step);
}
