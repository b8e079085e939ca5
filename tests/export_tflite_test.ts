import assert from "node:assert/strict";
import { DataError } from "../lib/core/errors.ts";
import type { ExportConv, ExportNetwork, ExportNode, ExportTensor } from "../lib/export/network.ts";
import { encodeTflite } from "../lib/export/tflite/encode.ts";
import { readModel } from "../lib/export/tflite/flatbuffer_read.ts";
import { writeModel } from "../lib/export/tflite/flatbuffer_write.ts";
import { openTflite } from "../lib/export/tflite/interpret.ts";
import { trainedPixelCodes } from "../lib/export/tflite/pixel_codes.ts";
import { OPERATOR_NAMES, OPERATORS, PADDING, type Table } from "../lib/export/tflite/schema.ts";
import { pixelBounds } from "../lib/program/plan.ts";
import { quantizerOf } from "../lib/quant/range.ts";
import { MAX_SIZE } from "../lib/recipe/fields.ts";
import {
  ALL_KINDS,
  codeOf,
  computeNode,
  type Kind,
  randomImages,
  randomNetwork,
  softmax,
} from "./support/export_networks.ts";
import { Dice } from "./support/mutations.ts";

const LOGITS = { scale: 0.05, zero: -20, symmetric: false };

function encode(network: ExportNetwork, metadata = { key: "value" }): Uint8Array<ArrayBuffer> {
  return encodeTflite(network, { logits: LOGITS, name: "net", metadata });
}

/** Runs a file: its tensors by name, and its probabilities. */
function runFile(bytes: Uint8Array, images: Uint8Array, count: number) {
  const tensors = new Map<string, Float32Array>();
  const probabilities = openTflite(bytes, "net.tflite").run(images, count, ({ name, values }) => {
    assert.ok(!tensors.has(name), `${name} is shown once`);
    tensors.set(name, values);
  });
  return { tensors, probabilities };
}

/** Asserts that each layer's codes are those of plain loops over the same input, or next to them. */
function checkLayers({ nodes }: ExportNetwork, tensors: Map<string, Float32Array>, count: number) {
  for (const node of nodes) {
    const quantizer = node.output.quantizer ?? LOGITS, got = tensors.get(node.output.name)!;
    const expected = computeNode(node, tensors, count);
    assert.equal(got.length, expected.length);
    let differing = 0;
    for (const [i, value] of got.entries()) {
      const steps = Math.abs(
        Math.round(value / quantizer.scale) + quantizer.zero -
          codeOf(expected[i]!, quantizer),
      );
      assert.ok(steps <= 1, `${node.name}: ${steps} codes apart`);
      differing += steps;
    }
    // Where f32 rounds otherwise than f64, on the edge between two codes.
    assert.ok(
      differing <= Math.max(1, 0.005 * got.length),
      `${node.name}: ${differing} of ${got.length}`,
    );
  }
}

for (const kind of ALL_KINDS) {
  for (const symmetric of [false, true]) {
    const which = symmetric ? "symmetric" : "asymmetric";
    Deno.test(`TFLite, ${kind}, ${which}: every layer is that of plain loops`, () => {
      const network = randomNetwork(kind, { symmetric }), bytes = encode(network);
      for (const count of [1, 3]) {
        const images = randomImages(network, count, count);
        const { tensors, probabilities } = runFile(bytes, images, count);
        checkLayers(network, tensors, count);
        const expected = softmax(tensors.get(network.logits.name)!, network.logits.c);
        probabilities.forEach((p, i) => assert.ok(Math.abs(p - expected[i]!) < 1e-6));
      }
    });
  }
}

/** What LiteRT 2.5.3 gave for two images of each network; tests/soak/litert_layers.ts runs it. */
const OF_LITERT: Record<Kind, readonly number[]> = {
  plain: [
    0.0000575295,
    0.986874,
    0.00210548,
    0.0109632,
    0.00000353447,
    0.902176,
    0.00273139,
    0.0950887,
  ],
  depthwise: [0.0000651963, 0.0373245, 0.96261, 0.0000188887, 0.88078, 0.119201],
  residual: [
    0.00527688,
    0.235883,
    0.0500656,
    0.708631,
    0.000144184,
    0.000223305,
    0.221579,
    0.493134,
    0.284514,
    0.000549241,
  ],
  pools: [0.510891, 0.0440866, 0.0267399, 0.418282, 0.0938167, 0.0312289, 0.0282571, 0.846697],
  convolutional: [0.430866, 0.553243, 0.0158917, 0.34132, 0.653812, 0.00486866],
  pixel: [0.946794, 0.00606831, 0.0471381, 0.0312683, 0.400457, 0.568275],
};

for (const kind of ALL_KINDS) {
  Deno.test(`TFLite, ${kind}: probabilities are those of LiteRT`, () => {
    const network = randomNetwork(kind), images = randomImages(network, 2);
    const { probabilities } = runFile(encode(network, { key: "" }), images, 2);
    assert.equal(probabilities.length, OF_LITERT[kind].length);
    for (const [i, p] of probabilities.entries()) {
      const expected = OF_LITERT[kind][i]!;
      // Six digits were noted; another code of the scores is 5 % more or less.
      assert.ok(Math.abs(p - expected) <= 1e-5 * expected, `${p}, LiteRT ${expected}`);
    }
  });
}

Deno.test("TFLite: images one at a time have the answers of all at once", () => {
  const network = randomNetwork("depthwise"), count = 5, images = randomImages(network, count);
  const file = openTflite(encode(network), "net.tflite"), all = file.run(images, count);
  const size = images.length / count;
  const alone = Array.from(
    { length: count },
    (_, i) => [...file.run(images.subarray(i * size, (i + 1) * size), 1)],
  );
  assert.deepEqual([...all], alone.flat());
});

Deno.test("TFLite: the same network gives the same bytes, with shape, classes and metadata", () => {
  const network = randomNetwork("residual");
  assert.deepEqual(encode(network), encode(randomNetwork("residual")));
  const { shape, classes, metadata } = openTflite(encode(network), "net.tflite");
  assert.deepEqual([shape, classes, metadata], [[7, 7, 3], 5, { key: "value" }]);
  const odd = { ["__proto__"]: "x", empty: "", "näme": "süß 😀\n" };
  assert.deepEqual(
    Object.entries(openTflite(encode(network, odd as never), "net.tflite").metadata),
    Object.entries(odd),
  );
});

Deno.test("TFLite: layers may have the names of the input and the output", () => {
  const network = randomNetwork("residual"), images = randomImages(network, 1);
  const { probabilities } = runFile(encode(network), images, 1);
  for (const taken of ["image", "probabilities"]) {
    const nodes = network.nodes.map((node): ExportNode =>
      node.name === "stem"
        ? { ...node, name: taken, output: { ...node.output, name: taken } }
        : node.input.name === "stem"
        ? { ...node, input: { ...node.input, name: taken } }
        : node.op === "add" && node.other.name === "stem"
        ? { ...node, other: { ...node.other, name: taken } }
        : node
    );
    const { tensors, probabilities: got } = runFile(encode({ ...network, nodes }), images, 1);
    assert.ok(tensors.has(taken));
    assert.deepEqual(got, probabilities);
  }
});

Deno.test("TFLite: tables that are read and written again are the same bytes", () => {
  for (const kind of ALL_KINDS) {
    const bytes = encode(randomNetwork(kind));
    assert.deepEqual(writeModel(readModel(bytes, "net.tflite")), bytes);
  }
});

Deno.test("TFLite: the file has what runtimes ask for", () => {
  for (const kind of ALL_KINDS) {
    const network = randomNetwork(kind), bytes = encode(network), model = readModel(bytes, "x");
    assert.equal(new TextDecoder().decode(bytes.subarray(4, 8)), "TFL3");
    assert.equal(model.version, 3);
    assert.equal(model.buffers[0]!.data.length, 0);
    for (const { data } of model.buffers.slice(1)) {
      assert.equal((data.byteOffset - bytes.byteOffset) % 16, 0);
    }
    const [graph] = model.subgraphs, [signature] = model.signature_defs;
    assert.deepEqual(
      [signature!.signature_key, signature!.inputs[0]!.name, signature!.outputs[0]!.name],
      ["serving_default", "image", "probabilities"],
    );
    const { tensors } = graph!, [input] = graph!.inputs, [output] = graph!.outputs;
    assert.equal(new Set(tensors.map(({ name }) => name)).size, tensors.length);
    const { h, w, c } = network.input;
    assert.deepEqual(tensors[input!]!.shape_signature, [-1, h, w, c]);
    assert.deepEqual(tensors[output!]!.shape_signature, [-1, network.logits.c]);
    for (const { opcode_index, inputs: [x, weight, bias], outputs } of graph!.operators) {
      const { builtin_code, deprecated_builtin_code, version } = model
        .operator_codes[opcode_index]!;
      assert.equal(builtin_code, deprecated_builtin_code);
      const name = OPERATOR_NAMES[builtin_code] as keyof typeof OPERATORS;
      assert.deepEqual([...OPERATORS[name]], [builtin_code, version]);
      if (!/CONV/.test(name)) continue;
      // A scale for each output; that of the bias is the product in f32; factors as XNNPACK takes them.
      const scales = tensors[weight!]!.quantization!.scale, y = tensors[outputs[0]!]!.quantization!;
      const from = tensors[x!]!.quantization!.scale[0]!;
      assert.equal(scales.length, tensors[outputs[0]!]!.shape[3]);
      assert.deepEqual(
        tensors[bias!]!.quantization!.scale,
        scales.map((scale) => Math.fround(from * scale)),
      );
      for (const scale of scales) {
        const factor = from * scale / y.scale[0]!;
        assert.ok(factor >= 2 ** -32 && factor < 256);
      }
    }
  }
});

/** A network of one layer, whose output a linear layer reads. */
function layerNetwork(
  input: ExportTensor,
  node: ExportNode,
  shift = -2,
): ExportNetwork {
  const { output } = node, logits = { name: "scores", h: 1, w: 1, c: 2 };
  const size = output.h * output.w * output.c;
  const weights = {
    codes: Int8Array.from({ length: 2 * size }, (_, i) => i * 37 % 255 - 127),
    scales: Float32Array.of(1e-3, 2e-3),
    bias: Int32Array.of(100, -100),
  };
  const kernel = [output.h, output.w] as const, one = [1, 1] as const, none = [0, 0] as const;
  const scores: ExportConv = {
    ...{ op: "conv", name: "scores", input: output, output: logits, kernel, stride: one },
    ...{ padding: none, groups: 1, linear: true, weights, act: "none" },
  };
  const all = (value: number) => Array.from({ length: input.c }, () => value);
  return { input, nodes: [node, scores], logits, scale: all(1 / 64), shift: all(shift) };
}

const WINDOWED = ["conv", "depthwise", "max_pool", "lowest", "avg_pool"] as const;

/** A layer with a window. `lowest` is a max pool of codes whose zero point is not the lowest code. */
function windowed(
  kind: typeof WINDOWED[number],
  { size, kernel, stride, padding }: Record<"size" | "kernel" | "stride" | "padding", number>,
): ExportNetwork | undefined {
  const across = size + 3, channels = kind === "depthwise" ? 10 : 3;
  const lengths = [size, across].map((n) => Math.floor((n + 2 * padding - kernel) / stride) + 1);
  const [h = 0, w = 0] = lengths;
  if (h < 1 || w < 1) return undefined;
  const symmetric = false, zero = kind === "max_pool" ? -128 : 3;
  const input = {
    ...{ name: "input", h: size, w: across, c: channels },
    quantizer: { scale: 1 / 64, zero, symmetric },
  };
  const max = kind === "max_pool" || kind === "lowest";
  const quantizer = max ? input.quantizer : { scale: 0.021, zero: -7, symmetric };
  const pair = (n: number) => [n, n] as const;
  const layer = {
    ...{ name: "layer", input, output: { name: "layer", h, w, c: channels, quantizer } },
    ...{ kernel: pair(kernel), stride: pair(stride), padding: pair(padding) },
  };
  const shift = kind === "max_pool" ? 0 : -2;
  if (max) return layerNetwork(input, { op: "max_pool", ...layer, global: false }, shift);
  if (kind === "avg_pool") return layerNetwork(input, { op: kind, ...layer, global: false }, shift);
  const groups = kind === "depthwise" ? channels : 1;
  const taps = kernel * kernel * channels / groups;
  const weights = {
    codes: Int8Array.from({ length: channels * taps }, (_, i) => i * 53 % 255 - 127),
    scales: Float32Array.from({ length: channels }, (_, k) => (1 + k / 5) / 127 / taps),
    bias: Int32Array.from({ length: channels }, (_, k) => 999 * k),
  };
  const node = { op: "conv", ...layer, groups, linear: false, weights, act: "none" } as const;
  return layerNetwork(input, node, shift);
}

for (const kind of WINDOWED) {
  Deno.test(`TFLite, ${kind}: windows of all sizes, strides and paddings see what training saw`, () => {
    let counted = 0;
    for (const size of [1, 2, 5, 8]) {
      for (let kernel = 1; kernel <= 7; kernel++) {
        for (let stride = 1; stride <= 3; stride++) {
          for (let padding = 0; padding <= kernel / 2; padding++) {
            const network = windowed(kind, { size, kernel, stride, padding });
            if (!network) continue;
            counted++;
            const images = randomImages(network, 2, counted);
            checkLayers(network, runFile(encode(network), images, 2).tensors, 2);
          }
        }
      }
    }
    assert.ok(counted > 150, `${counted} windows`);
  });
}

Deno.test("TFLite: rows are added where neither SAME nor VALID has those of training, only there", () => {
  const added = (kind: typeof WINDOWED[number], sizes: Parameters<typeof windowed>[1]) => {
    const model = readModel(encode(windowed(kind, sizes)!), "x"), [graph] = model.subgraphs;
    const names = graph!.operators.map(({ opcode_index }) =>
      OPERATOR_NAMES[model.operator_codes[opcode_index]!.builtin_code]!
    );
    const options = graph!.operators.at(
      names.findLastIndex((name) => /POOL|PAD|CONV/.test(name)) - 1,
    );
    return {
      pads: names.filter((name) => /PAD/.test(name)),
      padding: (options!.options as { padding: number } | undefined)?.padding,
    };
  };
  const odd = { size: 5, kernel: 3, stride: 2, padding: 1 }, even = { ...odd, size: 8 };
  const same = { pads: [], padding: PADDING.same }, valid = { pads: [], padding: PADDING.valid };
  assert.deepEqual(added("conv", { ...even, stride: 1 }), same);
  assert.deepEqual(added("conv", { ...odd, padding: 0 }), valid);
  // 5×8: SAME has a row above, but none on the left.
  assert.deepEqual(added("conv", odd).pads, ["PAD"]);
  assert.deepEqual(added("conv", even).pads, ["PAD"]);
  assert.deepEqual(added("max_pool", even).pads, ["PAD"]);
  assert.deepEqual(added("lowest", even).pads, ["PADV2"]);
  assert.deepEqual(added("max_pool", { ...even, padding: 0 }).pads, []);
  assert.deepEqual(added("avg_pool", { ...even, kernel: 2, padding: 0 }), valid);
});

/** A network that reads all pixels in all channels, normalized as training does. */
function pixelNetwork(mean: readonly number[], std: readonly number[]): ExportNetwork {
  const shape = [16, 16, mean.length] as const;
  const [low, high] = pixelBounds({ shape, classes: 2, mean, std });
  const { scale, zero } = quantizerOf({ low, high }, 8, false), symmetric = false;
  const quantizer = { scale, zero, symmetric };
  const input = { name: "input", h: 16, w: 16, c: mean.length, quantizer };
  const output = { ...input, name: "layer", quantizer };
  const node = { op: "activation", name: "layer", input, output, act: "relu" } as const;
  const { fround } = Math;
  return {
    ...layerNetwork(input, node),
    scale: std.map((v) => fround(1 / (255 * v))),
    shift: mean.map((v, c) => fround(-v / std[c]!)),
  };
}

/** Pixels whose code is not that of training. */
function differingPixels(network: ExportNetwork): number {
  const { c, quantizer } = network.input, codes = trainedPixelCodes(network);
  const images = Uint8Array.from({ length: 256 * c }, (_, i) => Math.floor(i / c));
  const { tensors } = runFile(encode(network), images, 1);
  return tensors.get("input")!.reduce((sum, value, i) => {
    const code = Math.round(value / quantizer!.scale) + quantizer!.zero;
    return sum + Number(code !== codes[i % c]![Math.floor(i / c)]);
  }, 0);
}

Deno.test("TFLite: pixels become the codes that training computes", () => {
  for (
    const [mean, std] of [
      [[0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]],
      [[0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.201]],
      [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]],
      [[0.286], [0.353]],
      [[0.1307], [0.3081]],
      [[0, 0, 0], [1, 1, 1]],
    ] as const
  ) assert.equal(differingPixels(pixelNetwork(mean, std)), 0, `${mean}`);
  // Every pixel of mean and std 0.5 is halfway between codes.
  assert.ok(differingPixels(pixelNetwork([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])) < 64);
});

Deno.test("TFLite: where codes are pixels less 128, one QUANTIZE makes them", () => {
  const names = (network: ExportNetwork) =>
    readModel(encode(network), "x").operator_codes.map(({ builtin_code }) =>
      OPERATOR_NAMES[builtin_code]
    );
  assert.deepEqual(names(pixelNetwork([0.286], [0.353])).slice(0, 2), [
    "QUANTIZE",
    "DEPTHWISE_CONV_2D", // The activation.
  ]);
});

type Model = Table<"Model">;
type Graph = Table<"SubGraph">;
type Operator = Graph["operators"][number];
type Tensor = Graph["tensors"][number];

/** A file of a small network, changed. */
function changed(kind: Kind, change: (model: Model) => Model): Uint8Array<ArrayBuffer> {
  return writeModel(change(readModel(encode(randomNetwork(kind)), "x")));
}

function withGraph(kind: Kind, change: (graph: Graph, model: Model) => Partial<Graph>) {
  return changed(kind, (model) => {
    const [graph] = model.subgraphs;
    return { ...model, subgraphs: [{ ...graph!, ...change(graph!, model) }] };
  });
}

/** A file with the operators of a kind changed. */
function withOperators(kind: Kind, name: string, change: (operator: Operator) => object) {
  return withGraph(kind, ({ operators }, { operator_codes }) => ({
    operators: operators.map((operator) => {
      const { builtin_code } = operator_codes[operator.opcode_index]!;
      return OPERATOR_NAMES[builtin_code] === name
        ? { ...operator, ...change(operator) }
        : operator;
    }),
  }));
}

/** A file with a tensor changed. */
function withTensor(kind: Kind, name: string, change: (tensor: Tensor) => object) {
  return withGraph(kind, ({ tensors }) => {
    assert.ok(tensors.some((tensor) => tensor.name === name), name);
    return { tensors: tensors.map((t) => t.name === name ? { ...t, ...change(t) } : t) };
  });
}

/** A file with the code of an operator replaced. */
function withCode(kind: Kind, name: string, change: object) {
  return changed(kind, (model) => ({
    ...model,
    operator_codes: model.operator_codes.map((code) =>
      OPERATOR_NAMES[code.builtin_code] === name ? { ...code, ...change } : code
    ),
  }));
}

/** Asserts that a file is refused with this message. */
function assertRefused(bytes: Uint8Array, message: RegExp): void {
  assert.throws(() => openTflite(bytes, "net.tflite"), (error) => {
    assert.ok(error instanceof DataError, String(error));
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("TFLite: FULLY_CONNECTED, and codes of files from before 2020, are run", () => {
  const network = randomNetwork("depthwise"), images = randomImages(network, 2);
  const { probabilities } = runFile(encode(network), images, 2);
  const bytes = changed("depthwise", (model) => {
    const [graph] = model.subgraphs, { operators, tensors } = graph!;
    const place = operators.length - 4, head = operators[place]!;
    const weight = tensors[head.inputs[1]!]!, options = { table: "FullyConnectedOptions" } as const;
    const fields = { activation: 0, weights_format: 0, keep_num_dims: 0 };
    const changedTensors = tensors.map((tensor) => {
      if (tensor === weight) return { ...weight, shape: [weight.shape[0]!, weight.shape[3]!] };
      return tensor === tensors[head.outputs[0]!]
        ? { ...tensor, shape: [1, tensor.shape[3]!] }
        : tensor;
    });
    return {
      ...model,
      operator_codes: [
        ...model.operator_codes.map((code) => ({ ...code, builtin_code: 0 })),
        { deprecated_builtin_code: 9, builtin_code: 0, version: 4, custom_code: "" },
      ],
      subgraphs: [{
        ...graph!,
        tensors: changedTensors,
        operators: operators.with(place, {
          ...head,
          opcode_index: model.operator_codes.length,
          options: { ...options, ...fields },
        }),
      }],
    };
  });
  assert.deepEqual(runFile(bytes, images, 2).probabilities, probabilities);
});

Deno.test("TFLite: an operator that is not known is refused by its name, place and file", () => {
  const code = (builtin_code: number) => ({ builtin_code, deprecated_builtin_code: builtin_code });
  assertRefused(
    withCode("plain", "SOFTMAX", code(14)),
    /^net\.tflite: operator \d+: expected an operator that qtrain runs, got LOGISTIC; qtrain runs int8 networks of ADD, .*SOFTMAX.*: run others with LiteRT$/,
  );
  assertRefused(withCode("plain", "CONV_2D", code(32)), /got CUSTOM/);
  assertRefused(
    withCode("plain", "CONV_2D", { deprecated_builtin_code: 127, builtin_code: 150 }),
    /got GELU/,
  );
  assertRefused(
    withCode("plain", "CONV_2D", { deprecated_builtin_code: 127, builtin_code: 9999 }),
    /got operator 9999/,
  );
});

Deno.test("TFLite: graphs that do not hold together are refused with the operator", () => {
  assertRefused(
    withGraph("plain", ({ operators }) => ({ operators: operators.toReversed() })),
    /operator 0, SOFTMAX: expected inputs that are computed before it/,
  );
  assertRefused(
    withOperators("plain", "MAX_POOL_2D", ({ inputs }) => ({ outputs: inputs })),
    /one output that nothing else computes/,
  );
  assertRefused(
    withOperators("plain", "MAX_POOL_2D", ({ outputs }) => ({ inputs: outputs })),
    /inputs that are computed before it/,
  );
  assertRefused(withOperators("plain", "CONV_2D", () => ({ inputs: [] })), /2 to 3 inputs, got 0/);
  assertRefused(withOperators("plain", "CONV_2D", () => ({ inputs: [999] })), /tensor 999/);
  assertRefused(withOperators("plain", "CONV_2D", () => ({ opcode_index: 99 })), /codes, got 99/);
  assertRefused(withOperators("plain", "CONV_2D", () => ({ options: undefined })), /got none/);
  assertRefused(withGraph("plain", () => ({ operators: [] })), /computes its output/);
  assertRefused(withGraph("plain", () => ({ inputs: [0, 1] })), /one input/);
  assertRefused(withGraph("plain", () => ({ outputs: [-1] })), /one output/);
  assertRefused(changed("plain", (model) => ({ ...model, subgraphs: [] })), /one subgraph, got 0/);
  assertRefused(changed("plain", (model) => ({ ...model, buffers: [] })), /one of 0 buffers/);
  assertRefused(changed("plain", (model) => ({ ...model, version: 2 })), /version 3/);
  assertRefused(
    withGraph("plain", ({ operators }) => ({
      operators: operators.slice(0, -1),
      outputs: operators.at(-2)!.outputs,
    })),
    /probabilities \[batch, classes\] from SOFTMAX/,
  );
});

Deno.test("TFLite: the work of all layers together is limited", () => {
  const pools = (count: number) =>
    withGraph("plain", ({ operators, tensors }, { operator_codes }) => {
      const pool = operators.find(({ opcode_index }) =>
        OPERATOR_NAMES[operator_codes[opcode_index]!.builtin_code] === "MAX_POOL_2D"
      )!;
      const source = tensors.findIndex(({ name }) => name === "conv1");
      // 9 · 7 · 5 · 2^27 comparisons each.
      const size = { filter_h: 2 ** 14, filter_w: 2 ** 13, stride_h: 1, stride_w: 1, padding: 0 };
      const more = Array.from({ length: count }, (_, i) => ({
        ...pool,
        inputs: [source],
        outputs: [tensors.length + i],
        options: { ...pool.options!, ...size },
      }));
      const conv = operators.findIndex(({ outputs }) => outputs[0] === source);
      return {
        operators: operators.toSpliced(conv + 1, 0, ...more),
        tensors: [...tensors, ...more.map((_, i) => ({ ...tensors[source]!, name: `more${i}` }))],
      };
    });
  openTflite(pools(3), "net.tflite");
  assertRefused(pools(4), /MAX_POOL_2D: expected a network of at most 137438953472 products/);
});

Deno.test("TFLite: options, shapes and quantizers that are not run are refused", () => {
  const options = (kind: Kind, name: string, change: object) =>
    withOperators(kind, name, (operator) => ({ options: { ...operator.options!, ...change } }));
  assertRefused(options("plain", "CONV_2D", { dilation_w: 2 }), /without gaps/);
  assertRefused(options("plain", "CONV_2D", { stride_h: 0 }), /strides above 0/);
  assertRefused(options("plain", "CONV_2D", { stride_h: -1 }), /strides above 0/);
  assertRefused(options("plain", "CONV_2D", { padding: 2 }), /SAME or VALID/);
  assertRefused(options("plain", "CONV_2D", { activation: 4 }), /RELU6, got activation 4/);
  assertRefused(options("plain", "MAX_POOL_2D", { filter_w: 0 }), /a window/);
  assertRefused(options("plain", "MAX_POOL_2D", { padding: 1, filter_h: 99 }), /a window within/);
  assertRefused(options("depthwise", "MEAN", { keep_dims: 0 }), /operator \d+, MEAN: .*output/);
  const shape = (kind: Kind, name: string, shape: number[]) =>
    withTensor(kind, name, () => ({ shape }));
  assertRefused(shape("plain", "conv1", [1, 9, 7, 6]), /output \[1,9,7,5\]/);
  assertRefused(shape("plain", "conv1", [2, 9, 7, 5]), /a batch of 1/);
  assertRefused(shape("plain", "conv1", [1, -9, 7, 5]), /at most 8 dimensions/);
  assertRefused(shape("plain", "conv1", [1, 2 ** 30, 2 ** 30, 5]), /at most 8 dimensions/);
  assertRefused(shape("plain", "conv1", Array(2000).fill(1)), /1,1,…/);
  assertRefused(shape("plain", "image", [1, MAX_SIZE, MAX_SIZE, 3]), /elements/);
  assertRefused(shape("plain", "conv1/weight", [5, 3, 3, 4]), /180 bytes/);
  const quantization = (name: string, change: object) =>
    withTensor("plain", name, (t) => ({ quantization: { ...t.quantization!, ...change } }));
  assertRefused(quantization("conv1", { scale: [1, 2] }), /zero points|a scale for each/);
  assertRefused(quantization("conv1", { scale: [NaN] }), /scales above 0, got NaN/);
  assertRefused(quantization("conv1", { scale: [0] }), /scales above 0, got 0/);
  assertRefused(quantization("conv1", { zero_point: [128] }), /a zero point of int8, got 128/);
  assertRefused(quantization("conv1", { details_type: 1 }), /another quantization/);
  assertRefused(quantization("pool1", { scale: [7] }), /scale .* of the output/);
  assertRefused(quantization("conv1/weight", { quantized_dimension: 3 }), /dimension 3/);
  assertRefused(quantization("conv1/weight", { zero_point: [1] }), /zero points 0 of the weights/);
  assertRefused(quantization("conv1", { scale: [1e-30] }), /a factor of up to/);
  assertRefused(withTensor("plain", "conv1", () => ({ quantization: undefined })), /one scale/);
  assertRefused(withTensor("plain", "conv1", () => ({ type: 0 })), /int8, got float32/);
  assertRefused(withTensor("plain", "conv1", () => ({ type: 17 })), /int8, uint8.*got int4/);
  assertRefused(withTensor("plain", "conv1", () => ({ type: 99 })), /got type 99/);
  assertRefused(withTensor("plain", "conv1", () => ({ sparsity: {} })), /a sparse tensor/);
  assertRefused(withTensor("plain", "image", () => ({ type: 9 })), /int8|uint8/);
  assertRefused(withTensor("plain", "conv1/bias", () => ({ buffer: 0 })), /got tensor \d+;/);
  assertRefused(
    changed("plain", (model) => ({
      ...model,
      buffers: model.buffers.map((buffer, i) => i === 3 ? { ...buffer, offset: 4096 } : buffer),
    })),
    /a place outside of it/,
  );
});

Deno.test("TFLite: padding of images, negative padding and odd fills are refused", () => {
  const amounts = (values: number[]) =>
    changed("depthwise", (model) => {
      const tensor = model.subgraphs[0]!.tensors.find(({ name }) => name === "stem/padding")!;
      const data = new Uint8Array(Int32Array.from(values).buffer);
      return { ...model, buffers: model.buffers.with(tensor.buffer, { data, offset: 0 }) };
    });
  assertRefused(amounts([0, 0, -1, 0, 0, 0, 0, 0]), /padding of rows, columns and channels/);
  assertRefused(amounts([1, 0, 1, 0, 0, 0, 0, 0]), /padding of rows, columns and channels/);
  assertRefused(amounts([0, 0, 2 ** 30, 0, 0, 0, 0, 0]), /output \[1,/);
});

Deno.test("TFLite: parts that many tables share do not make much of a small file", () => {
  const bytes = changed("plain", (model) => ({
    ...model,
    metadata: Array.from({ length: 400 }, (_, i) => ({ name: `${i}`, buffer: 1 })),
    buffers: model.buffers.with(1, { data: new Uint8Array(2 ** 16), offset: 0 }),
  }));
  assertRefused(bytes, /a buffer that many share|bytes for/);
});

Deno.test("TFLite: files cut off anywhere, and no TFLite files, are refused with a DataError", () => {
  const bytes = encode(randomNetwork("depthwise"));
  for (let part = 0; part < 200; part++) {
    assertRefused(bytes.slice(0, Math.floor(part / 200 * bytes.length)), /^net\.tflite: /);
  }
  assertRefused(new Uint8Array(), /expected TFL3/);
  assertRefused(new TextEncoder().encode("no TFLite file at all"), /give a \.tflite file/);
});

Deno.test("TFLite: files with changed bytes give a DataError or an answer, in bounded time", () => {
  const dice = new Dice(1), start = performance.now();
  let refused = 0, answered = 0;
  for (let round = 0; round < 3000; round++) {
    const kind = dice.of(ALL_KINDS), bytes = originals[kind].slice();
    for (let change = 0; change <= round % 3; change++) {
      bytes[dice.below(bytes.length)] = dice.of([0, 1, 0x7f, 0x80, 0xff, dice.below(256)]);
    }
    try {
      const file = openTflite(bytes, "net.tflite"), [h, w, c] = file.shape;
      file.run(new Uint8Array(h * w * c), 1);
      answered++;
    } catch (error) {
      assert.ok(error instanceof DataError, String((error as Error).stack));
      refused++;
    }
  }
  assert.ok(refused > 500 && answered > 500, `${refused} refused, ${answered} answered`);
  assert.ok(performance.now() - start < 60_000);
});

const originals = Object.fromEntries(
  ALL_KINDS.map((kind) => [kind, encode(randomNetwork(kind))]),
) as Record<Kind, Uint8Array<ArrayBuffer>>;
