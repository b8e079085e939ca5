/**
 * Damaged data: files of every format, read as training, `init` and `--resume` read them. Some are
 * damaged inside what packs them (gzip, zip, chunks with checksums), so that the damage gets through.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { DataLoader } from "../../lib/data/loader.ts";
import { openDataset } from "../../lib/data/open.ts";
import { encodeSafetensors } from "../../lib/core/safetensors.ts";
import { decodeImage } from "../../lib/image/decode.ts";
import { ReferenceExecutor } from "../../lib/runtime/reference_executor.ts";
import { plan } from "../../lib/program/plan.ts";
import { formatRecipe, resolveRecipe } from "../../lib/recipe/load.ts";
import { withChecksum } from "../../lib/train/checkpoint/checksum.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../lib/train/checkpoint/checkpoint.ts";
import { initialWeights } from "../../lib/train/checkpoint/init.ts";
import { Network } from "../../lib/train/network/network.ts";
import { estimators } from "../../lib/quant/estimators/mod.ts";
import { type DataFields, dataRecipe, gzip, idxBytes, smallIdx } from "../data_helpers.ts";
import { smallCifar10, smallCifar100 } from "./cifar.ts";
import { tryAll, type Verdicts } from "./hostile.ts";
import { TINY } from "./image_folders.ts";
import { jpeg, JPEGS, picture, png } from "./images.ts";
import { Dice, mutatedBytes } from "./mutations.ts";
import { BATCHES } from "./pickles.ts";
import { npy, zip } from "./zip.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Damage = (bytes: Uint8Array) => Bytes;

/** An offset, a line, a field of the recipe; the name of an array or a tensor. */
const PLACE =
  /: byte \d+( \(unpacked\))?: |:\d+: |^(data\.[a-z_]+|init): |an array named |tensor |in the metadata|a checkpoint of qtrain/;

/** One kind of file: what it is called, and a trial of it with damage done to it. */
interface Kind {
  readonly name: string;
  readonly run: (damage: Damage, dice: Dice, folder: string) => Promise<() => unknown>;
}

/** A data set of files of which one is damaged; all images of it are read. */
function dataset(
  name: string,
  files: Readonly<Record<string, Uint8Array>>,
  recipe: DataFields,
  damaged: readonly string[] = Object.keys(files),
): Kind {
  return {
    name,
    async run(damage, dice, folder) {
      const victim = dice.of(damaged);
      for (const [file, bytes] of Object.entries(files)) {
        await Deno.mkdir(join(folder, dirname(file)), { recursive: true });
        await Deno.writeFile(join(folder, file), file === victim ? damage(bytes) : bytes);
      }
      const root = recipe.format === "npz" && !damaged[0]!.endsWith(".npy")
        ? join(folder, damaged[0]!)
        : folder;
      return async () => {
        const data = await openDataset(dataRecipe({ ...recipe, root }));
        const loader = new DataLoader(data);
        for (const split of ["train", "test"] as const) {
          const indices = Uint32Array.from({ length: Math.min(data[split].count, 8) }, (_, i) => i);
          await loader.read(split, { indices, batch: indices.length });
        }
      };
    },
  };
}

/**
 * A file of one kind of image. What is decoded all the same must have the pixels of the whole file where
 * checksums protect them, and wherever the file was only cut or has something behind it.
 */
function image(name: string, bytes: Bytes, protection: "checked" | "repaired" | "none"): Kind {
  return {
    name,
    run: (damage) => {
      const file = protection === "repaired" ? withChecksums(damage(bytes)) : damage(bytes);
      return Promise.resolve(async () => {
        const { pixels } = await decodeImage(file, name);
        if (protection !== "checked" && !startsWith(file, bytes) && !startsWith(bytes, file)) {
          return;
        }
        assert.deepEqual(pixels, (await decodeImage(bytes, name)).pixels);
      });
    },
  };
}

function startsWith(bytes: Bytes, start: Bytes): boolean {
  return bytes.length >= start.length && start.every((byte, i) => bytes[i] === byte);
}

const RECIPE = resolveRecipe({
  seed: 3,
  data: { format: "glyphs", size: 12, train: 16, test: 8 },
  model: {
    layers: [{ type: "conv2d", channels: 4, kernel: 3 }, "batch_norm", "relu", "global_avg_pool", {
      type: "linear",
      features: 10,
    }],
  },
  train: { batch: 4, optimizer: { name: "adamw" }, ema: 0.9 },
  quantize: { gradients: { estimator: "delayed-max" } },
});
const SHAPE = { shape: [12, 12, 1], classes: 10, mean: [0.5], std: [0.5] } as const;
const PROGRAM = plan(RECIPE, SHAPE).program;

/** A network on the CPU with first weights. */
function network(): Network {
  const executor = new ReferenceExecutor(PROGRAM.buffers, PROGRAM.layout);
  return new Network(PROGRAM, executor, 1, RECIPE.quantize, SHAPE, { estimators });
}

/** A checkpoint: whole, and loaded into a network; also with its checksum made right again. */
async function checkpointKind(repaired: boolean): Promise<Kind> {
  const first = network();
  first.initialize();
  const position = {
    step: 4,
    epochLoss: 1.5,
    epochCorrect: 3,
    last: { trainLoss: 1, testLoss: 1.25, testAccuracy: 0.5 },
    bests: [],
  };
  const bytes = encodeCheckpoint(await first.state(), formatRecipe(RECIPE), position, SHAPE);
  return {
    name: "step-00000004.safetensors",
    run(damage) {
      const file = repaired ? withChecksum(damage(bytes)) : damage(bytes);
      return Promise.resolve(() => {
        const found = decodeCheckpoint(file, "step-00000004.safetensors");
        network().load(found);
      });
    },
  };
}

/** Weights to start from. */
async function weightsKind(): Promise<Kind> {
  const first = network();
  first.initialize();
  const { parameters, running } = await first.state();
  const tensors = [...parameters, ...running].map(({ name, shape, data }) =>
    [name, { dtype: "F32", shape, data }] as const
  );
  const bytes = encodeSafetensors(Object.fromEntries(tensors), { format: "pt" });
  return {
    name: "weights.safetensors",
    async run(damage, _, folder) {
      const init = join(folder, "weights.safetensors");
      await Deno.writeFile(init, damage(bytes));
      return () => initialWeights({ ...RECIPE, init }, PROGRAM, SHAPE);
    },
  };
}

/** The Python version of CIFAR-10, in the protocols of pickle that people have. */
function pickledCifar10(): Record<string, Bytes> {
  const written = ["Python 2", "protocol 0", "protocol 2", "protocol 4", "protocol 5"];
  const batches = written.map((name, index) => [`data_batch_${index + 1}`, BATCHES[name]!]);
  return { ...Object.fromEntries(batches), test_batch: BATCHES["scalars"]! };
}

/** IDX files of float32 images and int32 labels. */
function floatIdx(): Record<string, Bytes> {
  const words = (magic: number, dims: number[], body: number[], float: boolean) => {
    const view = new DataView(new ArrayBuffer(4 * body.length));
    body.forEach((value, at) =>
      float ? view.setFloat32(4 * at, value) : view.setInt32(4 * at, value)
    );
    return idxBytes(magic, dims, new Uint8Array(view.buffer));
  };
  const pixels = (count: number) => Array.from({ length: count }, (_, at) => at / (count - 1));
  return {
    "train-images-idx3-ubyte": words(0xd03, [3, 2, 3], pixels(18), true),
    "train-labels-idx1-ubyte": words(0xc01, [3], [2, 0, 1], false),
    "t10k-images-idx3-ubyte": words(0xd03, [2, 2, 3], pixels(12), true),
    "t10k-labels-idx1-ubyte": words(0xc01, [2], [1, 2], false),
  };
}

/** Arrays of four images of 5×6. */
const ARRAYS: Readonly<Record<string, Bytes>> = {
  "x_train.npy": npy({ dims: [4, 5, 6], body: Array.from({ length: 120 }, (_, i) => i) }),
  "y_train.npy": npy({ dims: [4], body: [0, 0, 1, 0, 1, 0, 0, 0], type: "<i2" }),
  "x_test.npy": npy({ dims: [2, 5, 6], body: Array.from({ length: 60 }, (_, i) => 3 * i) }),
  "y_test.npy": npy({ dims: [2], body: [0, 0, 0, 0, 1, 0, 0, 0], type: "<i4", version: 2 }),
};

/** A zip file of which one array is damaged before it is packed. */
function packedArrays(deflate: boolean): Kind {
  return {
    name: "arrays.npz (an array in it)",
    async run(damage, dice, folder) {
      const victim = dice.of(Object.keys(ARRAYS)), path = join(folder, "arrays.npz");
      const files = { ...ARRAYS, [victim]: damage(ARRAYS[victim]!) };
      await Deno.writeFile(path, zip(files, { deflate }));
      return async () => await openDataset(dataRecipe({ format: "npz", root: path }));
    },
  };
}

async function kinds(): Promise<Kind[]> {
  const idx = smallIdx(), names = Object.keys(idx);
  const packed = Object.fromEntries(names.map((name) => [name, gzip(idx[name]!)]));
  const sample = (x: number, y: number, c: number) => (x * 9 + y * 5 + c * 80) & 255;
  const grey = (x: number, y: number) => (x + y) & 3;
  return [
    dataset("idx", idx, { format: "idx" }),
    dataset("idx, gzip", packed, { format: "idx" }),
    {
      name: "idx, in gzip",
      run: (damage, dice, folder) =>
        dataset("", packed, { format: "idx" }).run(
          () => gzip(damage(idx[dice.of(names)]!)),
          dice,
          folder,
        ),
    },
    dataset("cifar-10", smallCifar10(), { format: "cifar" }),
    dataset("cifar-100", smallCifar100(), { format: "cifar" }),
    dataset("cifar-10, Python version", pickledCifar10(), { format: "cifar" }),
    dataset("idx of floats", floatIdx(), { format: "idx" }),
    dataset("npz", { "arrays.npz": zip(ARRAYS) }, { format: "npz" }),
    dataset("npz, deflated", { "arrays.npz": zip(ARRAYS, { deflate: true }) }, { format: "npz" }),
    packedArrays(false),
    packedArrays(true),
    dataset("npy", ARRAYS, { format: "npz" }),
    dataset("folder", TINY, { format: "folder", size: 8 }),
    dataset("annotations", TINY, { format: "folder", size: 8 }, [
      "val/val_annotations.txt",
      "wnids.txt",
    ]),
    ...Object.keys(JPEGS).map((name) => image(`${name}.jpg`, jpeg(name), "none")),
    ...[
      "lossy.webp",
      "lossless.webp",
      "lossy-alpha.webp",
      "animated.webp",
      "still.gif",
      "animated.gif",
      "colour.bmp",
    ].map((name) => image(name, picture(name), "none")),
    image("grey.png", png({ width: 9, height: 7, colour: 0, depth: 2, sample: grey }), "checked"),
    image("colour.png", png({ width: 20, height: 12, sample }), "checked"),
    image("colour.png, checksums right", png({ width: 20, height: 12, sample }), "repaired"),
    image(
      "interlaced.png, checksums right",
      png({ width: 20, height: 12, interlaced: true, sample, filter: (row) => row % 5 }),
      "repaired",
    ),
    image(
      "palette.png, checksums right",
      png({ width: 9, height: 7, colour: 3, depth: 2, sample: grey, palette: [1, 2, 3, 4, 5, 6] }),
      "repaired",
    ),
    await checkpointKind(false),
    await checkpointKind(true),
    await weightsKind(),
  ];
}

/** Tries `count` damaged files; those of `first` on, of one endless list. */
export async function tryData(count: number, first = 0): Promise<Verdicts> {
  const all = await kinds(), top = await Deno.makeTempDir({ prefix: "qtrain-mutated-" });
  const before = Deno.env.get("QTRAIN_DATA");
  Deno.env.delete("QTRAIN_DATA");
  try {
    return await tryAll(count, async (index) => {
      // In turns, so that a part of the list has all kinds in it.
      const kind = all[(first + index) % all.length]!, dice = new Dice(1e6 + first + index);
      const folder = `${top}/data`;
      await Deno.remove(folder, { recursive: true }).catch(() => {});
      await Deno.mkdir(folder);
      const run = await kind.run((bytes) => mutatedBytes(bytes, dice), dice, folder);
      return { name: `data ${first + index}, ${kind.name}`, run };
    }, PLACE);
  } finally {
    if (before !== undefined) Deno.env.set("QTRAIN_DATA", before);
    await Deno.remove(top, { recursive: true });
  }
}

/** A PNG file whose chunks have the checksums of what is in them, as far as it has chunks. */
function withChecksums(bytes: Bytes): Bytes {
  const view = new DataView(bytes.buffer);
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at), end = at + 8 + length;
    if (end + 4 > bytes.length) break;
    view.setUint32(end, crc32(bytes.subarray(at + 4, end)));
    at = end + 4;
  }
  return bytes;
}
