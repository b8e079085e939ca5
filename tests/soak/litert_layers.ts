/**
 * Compares every tensor of TFLite files, code by code, between LiteRT in a page and qtrain's
 * interpreter, on random images. Without files: networks of random weights that have every layer.
 *
 *     deno run -A tests/soak/litert_layers.ts [FILE.tflite…] [--images 50]
 *                                               [--packages FOLDER] [--browser PROGRAM]
 *
 * It needs what `deno task bench:exported` needs.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { encodeTflite } from "../../lib/export/tflite/encode.ts";
import { readModel } from "../../lib/export/tflite/flatbuffer_read.ts";
import { writeModel } from "../../lib/export/tflite/flatbuffer_write.ts";
import { openTflite } from "../../lib/export/tflite/interpret.ts";
import { OPERATORS, type Table, TYPES } from "../../lib/export/tflite/schema.ts";
import { ALL_KINDS, randomImages, randomNetwork } from "../support/export_networks.ts";
import { Runtimes } from "../../experiments/exported/packages.ts";

const SEEN = "seen";

/** A network up to a tensor of codes, whose real values it gives. */
interface Part {
  readonly name: string;
  readonly scale: number;
  readonly model: Uint8Array<ArrayBuffer>;
}

/** A model that ends at each of its operators whose output has codes: pages show no int8. */
function partsOf(bytes: Uint8Array): Part[] {
  const model = readModel(bytes, "model"), graph = model.subgraphs[0]!, { tensors } = graph;
  const opcode_index = model.operator_codes.findIndex(
    ({ builtin_code }) => builtin_code === OPERATORS.DEQUANTIZE[0],
  );
  return graph.operators.flatMap(({ outputs: [output = 0] }, place): Part[] => {
    const tensor = tensors[output]!, seen = tensors.length;
    if (TYPES[tensor.type] !== "int8") return [];
    const real = { ...tensor, name: SEEN, type: TYPES.indexOf("float32"), quantization: undefined };
    const show = { opcode_index, inputs: [output], outputs: [seen], options: undefined };
    const part: Table<"Model"> = {
      ...model,
      subgraphs: [{
        ...graph,
        tensors: [...tensors, real],
        operators: [...graph.operators.slice(0, place + 1), show],
        outputs: [seen],
      }],
      signature_defs: model.signature_defs.map((signature) => ({
        ...signature,
        outputs: [{ name: SEEN, tensor_index: seen }],
      })),
    };
    const { scale } = tensor.quantization!;
    return [{ name: tensor.name, scale: scale[0]!, model: writeModel(part) }];
  });
}

/** Prints the tensors of a file with codes that differ, and how many there are of all. */
async function compare(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  count: number,
  runtimes: Runtimes,
): Promise<void> {
  const file = openTflite(bytes, name), [h, w, c] = file.shape, parts = partsOf(bytes);
  const images = randomImages({ input: { name: "input", h, w, c } }, count, 1);
  const tensors = new Map<string, Float32Array>();
  file.run(images, count, ({ name, values }) => tensors.set(name, values));
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/images.bin`, images);
    for (const [i, { model }] of parts.entries()) {
      await Deno.writeFile(`${folder}/${i}.tflite`, model);
    }
    const tasks = parts.map((_, i) => ({
      ...{ kind: "answer", models: [`${i}.tflite`], outputs: [SEEN] } as const,
      ...{ batch: 1, count, out: `${i}` },
    }));
    const { tasks: results } = await runtimes.do(
      folder,
      { library: "litert", threads: 1 },
      file.shape,
      tasks,
    );
    let all = 0, differing = 0;
    for (const [i, { name, scale }] of parts.entries()) {
      const ours = tensors.get(name);
      if (!ours) continue; // It moves codes, and computes none.
      if (results[i]!.error !== undefined) throw new Error(`${name}: ${results[i]!.error}`);
      const theirs = new Float32Array((await Deno.readFile(`${folder}/${i}.${SEEN}`)).buffer);
      const count = ours.reduce(
        (sum, value, at) => sum + Number(!(Math.abs(value - theirs[at]!) < scale / 2)),
        0,
      );
      if (count > 0) console.log(`  ${name}: ${count} of ${ours.length}`);
      all += ours.length;
      differing += count;
    }
    console.log(`${name}: ${differing} of ${all} codes in ${parts.length} tensors differ`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const { values: { images, packages, browser }, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    images: { type: "string", default: "50" },
    packages: { type: "string" },
    browser: { type: "string" },
  },
});
const folder = packages ?? await Deno.makeTempDir();
try {
  const runtimes = await Runtimes.open(folder, browser);
  for (const path of files) {
    await compare(path, await Deno.readFile(path), Number(images), runtimes);
  }
  const networks = files.length > 0
    ? []
    : ALL_KINDS.flatMap((kind) => [false, true].map((symmetric) => ({ kind, symmetric })));
  for (const { kind, symmetric } of networks) {
    const logits = { scale: 0.05, zero: -20, symmetric: false };
    const options = { logits, name: kind, metadata: {} };
    const bytes = encodeTflite(randomNetwork(kind, { symmetric }), options);
    const name = `${kind}${symmetric ? ", symmetric" : ""}`;
    await compare(name, bytes, Number(images), runtimes);
  }
} finally {
  if (packages === undefined) await Deno.remove(folder, { recursive: true });
}
