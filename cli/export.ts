/**
 * `qtrain export`: a run's result as one file for other tools.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { exportRun } from "../lib/train/checkpoint/export.ts";
import { writeAtomic } from "../lib/core/files.ts";
import { type Command, onlyPositional } from "./command.ts";
import { bytes as size } from "./format.ts";
import type { Arguments } from "./options.ts";
import { print } from "./print.ts";

/** The command. */
export const exportCommand: Command = {
  name: "export",
  usage: "qtrain export RUN --format safetensors --out FILE [--best]",
  summary: "Writes a run's final or best weights, norm statistics and ranges as one file.",
  details: `Names and shapes are PyTorch's; range.NAME is [low, high] of a quantizer. The metadata
holds the recipe. Same run, same bytes. Needs no GPU and no data.`,
  options: ["format", "out", "best"],
  run,
};

async function run(args: Arguments): Promise<number> {
  const path = onlyPositional(args, "export", "the folder of a run");
  const { format, out } = args;
  if (format === undefined || out === undefined) {
    const missing = format === undefined ? "--format safetensors" : "--out FILE";
    throw new UsageError(`qtrain export: expected ${missing}, got nothing`);
  }
  const file = await exportRun(path, (text) => console.error(text), args.best);
  await writeAtomic(out, file);
  // /dev/stdout stays clean for the file itself.
  if (out !== "/dev/stdout") print(`${out}: ${size(file.length)}`);
  return 0;
}
