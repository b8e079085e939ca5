/**
 * `qtrain eval`: the test accuracy of a run.
 *
 * @module
 */
import { evaluate } from "../lib/train/evaluate.ts";
import { UsageError } from "../lib/core/errors.ts";
import { type Arguments, defineCommand, firstPositional, type Options } from "./command.ts";
import { percent, withThousands } from "./format.ts";
import { BEST, DEVICE, deviceOptions, JSON_OUTPUT, NO_TUNE, THREADS } from "./options.ts";
import { print, printJson } from "./print.ts";
import { Progress } from "./progress.ts";

const OPTIONS = {
  best: BEST,
  device: DEVICE,
  threads: THREADS,
  "no-tune": NO_TUNE,
  json: JSON_OUTPUT,
} as const satisfies Options;

/** `qtrain eval`. */
export const evalCommand = defineCommand({
  name: "eval",
  synopsis: "qtrain eval RUN [data.root=PATH]",
  summary: "Measures a run's latest or best checkpoint on the test images.",
  details: `RUN is a folder that training wrote, e.g. runs/quickstart. Nothing in it changes.
data.root=PATH gives other data, or the place of data that has moved or changed since the training.
data.on_bad_image=skip replaces images that cannot be decoded. Classes are compared by name: images of classes that the network does not know are left out.`,
  options: OPTIONS,
  run,
});

async function run(args: Arguments<typeof OPTIONS>): Promise<number> {
  const [path, overrides] = firstPositional(args, "eval", "the folder of a run");
  const other = overrides.find((text) => !/^data\.(root|on_bad_image)=/.test(text));
  if (other !== undefined) {
    throw new UsageError(
      `qtrain eval: expected the folder of a run and at most data.root=PATH and ` +
        `data.on_bad_image=skip, got ${other} too`,
    );
  }
  const progress = new Progress();
  const found = await evaluate(path, {
    overrides,
    ...deviceOptions(args),
    tiles: args["no-tune"] ? "default" : "remembered",
    best: args.best ?? false,
    warn: (text) => progress.error(text),
    progress: (text) => progress.live(text),
  }).finally(() => progress.done());
  const { accuracy, loss, images, leftOut, layout, step, checkpoint, device } = found;
  if (args.json) {
    const left_out = Object.fromEntries(leftOut);
    printJson({ accuracy, loss, images, left_out, layout, step, checkpoint, device }, 2);
  } else {
    const left = [...leftOut.values()].reduce((sum, count) => sum + count, 0);
    const without = left > 0 ? `, ${withThousands(left)} left out` : "";
    if (layout !== undefined) progress.print(`layout: ${layout}`);
    print(
      `test accuracy ${percent(accuracy, 2)}, test loss ${loss.toFixed(4)} ` +
        `(${withThousands(images)} images${without}, after step ${step}, ${device})`,
    );
  }
  return 0;
}
