/**
 * `qtrain eval`: the test accuracy of a run.
 *
 * @module
 */
import { evaluate } from "../lib/train/evaluate.ts";
import { UsageError } from "../lib/core/errors.ts";
import { type Command, first } from "./command.ts";
import { percent } from "./format.ts";
import { type Arguments, tilesOf } from "./options.ts";
import { print, printJson } from "./print.ts";
import { withThousands } from "./settings.ts";

/** The command. */
export const evalCommand: Command = {
  name: "eval",
  usage: "qtrain eval RUN [--best] [data.root=PATH] [--device auto|gpu|cpu] [--no-tune] [--json]",
  summary: "Measures a run's newest checkpoint, or its best, on the test images.",
  details: `RUN is the folder that training wrote, e.g. runs/quickstart. Nothing in it changes.
data.root=PATH says where its data is, where that has moved or changed since.`,
  options: ["best", "device", "no-tune", "json"],
  run,
};

async function run(args: Arguments): Promise<number> {
  const [path, overrides] = first(args, "eval", "the folder of a run");
  const other = overrides.find((text) => !text.startsWith("data.root="));
  if (other !== undefined) {
    throw new UsageError(
      `qtrain eval: expected the folder of a run, and data.root=PATH at most, got also ${other}`,
    );
  }
  const found = await evaluate(path, {
    overrides,
    ...(args.device ? { device: args.device } : {}),
    ...tilesOf(args, "remembered"),
    best: args.best ?? false,
    warn: (text) => console.error(text),
  });
  const { accuracy, loss, images, step, checkpoint, device } = found;
  if (args.json) printJson({ accuracy, loss, images, step, checkpoint, device }, 2);
  else {
    print(
      `test accuracy ${percent(accuracy, 2)}, test loss ${loss.toFixed(4)} ` +
        `(${withThousands(images)} images, after step ${step}, ${device})`,
    );
  }
  return 0;
}
