/**
 * `qtrain export`: writes a run's weights as one file for other tools.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { writeAtomic } from "../lib/core/files.ts";
import { exportRun } from "../lib/train/checkpoint/export.ts";
import { type Arguments, defineCommand, firstPositional, type Options } from "./command.ts";
import { bytes as size } from "./format.ts";
import { BEST } from "./options.ts";
import { print, printError } from "./print.ts";

const OPTIONS = {
  out: { type: "string", usage: "--out FILE", help: "the file to write", required: true },
  best: BEST,
} as const satisfies Options;

/** `qtrain export`. */
export const exportCommand = defineCommand({
  name: "export",
  synopsis: "qtrain export RUN",
  summary: "Writes a run's final or best weights, norm statistics and ranges as one file.",
  details: `The extension of FILE gives the format: .safetensors.
Names and shapes are PyTorch's; range.NAME is [low, high] of a quantizer. The metadata holds the
recipe. The same run gives the same bytes. Needs no GPU and no data.`,
  options: OPTIONS,
  run,
});

async function run({ out, best, ...args }: Arguments<typeof OPTIONS>): Promise<number> {
  const [path, more] = firstPositional(args, "export", "the folder of a run");
  if (more.length > 0) {
    throw new UsageError(
      `qtrain export: expected only the folder of a run, got ${more.join(" ")} too`,
    );
  }
  if (!/\.safetensors$/i.test(out)) {
    throw new UsageError(
      `--out: expected a file name that ends in .safetensors, got ${JSON.stringify(out)}`,
    );
  }
  const file = await exportRun(path, printError, best);
  await writeAtomic(out, file);
  print(`${out}: ${size(file.length)}`);
  return 0;
}
