/**
 * `qtrain eval`: the test accuracy of a run.
 *
 * @module
 */
import { evaluate } from "../lib/train/evaluate.ts";
import { type Command, only } from "./command.ts";
import { percent } from "./format.ts";
import { type Arguments, tilesOf } from "./options.ts";
import { print, printJson } from "./output.ts";
import { grouped } from "./settings.ts";

/** The command. */
export const evalCommand: Command = {
  name: "eval",
  usage: "qtrain eval RUN [--best] [--device auto|gpu|cpu] [--no-tune] [--json]",
  summary: "Measures a run's newest checkpoint, or its best, on the test images.",
  details: `RUN is the folder that training wrote, e.g. runs/quickstart. Nothing in it changes.`,
  options: ["best", "device", "no-tune", "json"],
  run,
};

async function run(args: Arguments): Promise<number> {
  const path = only(args, "eval", "the folder of a run");
  const found = await evaluate(path, {
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
        `(${grouped(images)} images, after step ${step}, ${device})`,
    );
  }
  return 0;
}
