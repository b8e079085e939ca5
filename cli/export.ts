/**
 * `qtrain export`: writes a run's weights as one file for other tools.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { readBytes, writeAtomic } from "../lib/core/files.ts";
import { exportWeights } from "../lib/train/export/weights.ts";
import { isExport } from "../lib/train/checkpoint/safetensors_export.ts";
import { type Arguments, defineCommand, firstPositional, type Options } from "./command.ts";
import { bytes as size } from "./format.ts";
import { BEST } from "./options.ts";
import { print, printError } from "./print.ts";

const OPTIONS = {
  out: { type: "string", usage: "--out FILE", help: "the file to write", required: true },
  format: {
    type: "string",
    usage: "--format safetensors",
    help: "the format (default: what FILE ends in)",
    values: ["safetensors"],
  },
  best: BEST,
} as const satisfies Options;

/** `qtrain export`. */
export const exportCommand = defineCommand({
  name: "export",
  synopsis: "qtrain export RUN",
  summary: "Writes a run's final or best weights and norm statistics as one file.",
  details:
    `Names and shapes are PyTorch's. In Python, load_state_dict(load_file(FILE)) takes resnet18,
vgg16 and mobilenet-v2 of the usual width, with stem or head imagenet, into torchvision's resnet18,
vgg16_bn and mobilenet_v2; resnet8 and resnet20 have the usual names for CIFAR. cnn, mlp and lists
of layers keep the names of their layers. The metadata holds the recipe, the classes with mean and
std (data), and [low, high] of each quantizer (ranges). FILE is an init for qtrain too. The same
run gives the same bytes. Needs no GPU and no data.`,
  options: OPTIONS,
  run,
});

async function run({ out, format, best, ...args }: Arguments<typeof OPTIONS>): Promise<number> {
  const [path, more] = firstPositional(args, "export", "the folder of a run");
  if (more.length > 0) {
    throw new UsageError(
      `qtrain export: expected only the folder of a run, got ${more.join(" ")} too`,
    );
  }
  if (!format && !/\.safetensors$/i.test(out)) {
    throw new UsageError(
      `--out: expected a file name that ends in .safetensors, or --format safetensors too, got ` +
        JSON.stringify(out),
    );
  }
  const file = await exportWeights(path, printError, best);
  await expectExportOrNothing(out);
  await writeAtomic(out, file);
  print(`${out}: ${size(file.length)}`);
  return 0;
}

/** Refuses to replace a file that no export has written, such as a checkpoint. */
async function expectExportOrNothing(path: string): Promise<void> {
  if (!(await Deno.stat(path).catch(() => undefined))?.isFile) return;
  if (isExport(await readBytes(path), path)) return;
  throw new UsageError(
    `--out: expected a new name or an earlier export to replace, got another file at ${path}; ` +
      `choose another --out`,
  );
}
