import assert from "node:assert/strict";
import { DataError, UsageError } from "../lib/core/errors.ts";
import { encodeOnnx, type OnnxTarget } from "../lib/export/onnx/encode.ts";
import { openOnnx } from "../lib/export/onnx/interpret.ts";
import {
  decodeModel,
  ELEMENT,
  encodeModel,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from "../lib/export/onnx/schema.ts";
import type { ExportNetwork, ExportNode, ExportTensor, Quantizer } from "../lib/export/network.ts";
import {
  ALL_KINDS,
  computePlainly,
  type Kind,
  randomImages,
  randomNetwork,
  type RandomOptions,
  softmax,
} from "./support/export_networks.ts";
import { Dice } from "./support/mutations.ts";

const SYMMETRIC: RandomOptions = { symmetric: true };
const FLOAT: RandomOptions = { quantized: false };

function encode(network: ExportNetwork, target: OnnxTarget = "ort"): Uint8Array<ArrayBuffer> {
  return encodeOnnx(network, { target, name: "net", metadata: { key: "value" } });
}

/** Runs a file: its tensors by name, and its probabilities. */
function runFile(bytes: Uint8Array, images: Uint8Array, count: number) {
  const tensors = new Map<string, Float32Array>();
  const probabilities = openOnnx(bytes, "net.onnx").run(images, count, ({ name, values }) => {
    assert.ok(!tensors.has(name), `${name} is shown once`);
    tensors.set(name, values.slice());
  });
  return { tensors, probabilities };
}

/** The largest difference; infinite where lengths differ. */
function difference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Infinity;
  return a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0);
}

for (const kind of ALL_KINDS) {
  for (const target of ["ort", "web"] as const) {
    for (const options of [{}, SYMMETRIC]) {
      const which = options.symmetric ? "symmetric" : "asymmetric";
      Deno.test(`ONNX, ${kind}, ${which}, for ${target}: every tensor is that of plain loops`, () => {
        const network = randomNetwork(kind, options), bytes = encode(network, target);
        for (const count of [1, 3]) {
          const images = randomImages(network, count, count);
          const expected = computePlainly(network, images, count);
          const { tensors, probabilities } = runFile(bytes, images, count);
          assert.deepEqual([...tensors.keys()].sort(), [...expected.keys()].sort());
          for (const [name, values] of expected) {
            assert.equal(difference(values, tensors.get(name)!), 0, name);
          }
          const scores = expected.get(network.logits.name)!;
          assert.equal(difference(softmax(scores, network.logits.c), probabilities), 0);
        }
      });
    }
  }

  Deno.test(`ONNX, ${kind}, float32: every tensor is that of plain loops to rounding`, () => {
    const network = randomNetwork(kind, FLOAT), count = 3;
    const images = randomImages(network, count), expected = computePlainly(network, images, count);
    const { tensors } = runFile(encode(network), images, count);
    assert.deepEqual([...tensors.keys()].sort(), [...expected.keys()].sort());
    for (const [name, values] of expected) {
      assert.ok(difference(values, tensors.get(name)!) < 1e-4, name);
    }
  });

  Deno.test(`ONNX, ${kind}, for tensorrt: answers are near those of plain loops`, () => {
    // The input has other codes, and the bodies of sums have none.
    const network = randomNetwork(kind, SYMMETRIC), count = 3;
    const images = randomImages(network, count);
    const scores = computePlainly(network, images, count).get(network.logits.name)!;
    const { probabilities } = runFile(encode(network, "tensorrt"), images, count);
    assert.ok(difference(softmax(scores, network.logits.c), probabilities) < 0.1);
  });

  for (const target of ["ort", "web", "tensorrt"] as const) {
    Deno.test(`ONNX, ${kind}, for ${target}: the quantizers are those that runtimes fuse`, () => {
      checkStructure(new Structure(encode(randomNetwork(kind, SYMMETRIC), target)), target);
    });
  }
}

/** A file's nodes and constants by name. */
class Structure {
  readonly nodes: readonly NodeProto[];
  readonly #constants: ReadonlyMap<string, TensorProto>;
  readonly #makers: ReadonlyMap<string, NodeProto>;

  constructor(bytes: Uint8Array) {
    const { graph } = decodeModel(bytes);
    this.nodes = graph!.node!;
    this.#constants = new Map(graph!.initializer!.map((tensor) => [tensor.name!, tensor]));
    this.#makers = new Map(this.nodes.map((node) => [node.output![0]!, node]));
  }

  all(...ops: string[]): NodeProto[] {
    return this.nodes.filter(({ op_type }) => ops.includes(op_type!));
  }

  constant(name: string): TensorProto {
    return this.#constants.get(name) ?? assert.fail(`no constant ${name}`);
  }

  /** The node that makes a tensor; `undefined` for a constant. */
  maker(name: string): NodeProto | undefined {
    return this.#makers.get(name);
  }

  readers(name: string): NodeProto[] {
    return this.nodes.filter(({ input }) => input!.includes(name));
  }
}

function checkStructure(file: Structure, target: OnnxTarget): void {
  const type = target === "tensorrt" ? ELEMENT.int8 : ELEMENT.uint8;
  assert.ok(file.all("Conv", "Gemm").length > 0);
  for (const { input } of file.all("QuantizeLinear")) {
    const [scale, zero] = [file.constant(input![1]!), file.constant(input![2]!)];
    assert.deepEqual([scale.dims ?? [], zero.dims ?? [], zero.data_type], [[], [], type]);
    if (target === "tensorrt") assert.deepEqual([...zero.raw_data!], [0]);
  }
  for (const { input, output } of file.all("DequantizeLinear")) {
    assert.equal(file.readers(output![0]!).length, 1, `${output} has one reader`);
    // Weights and bias have a scale for each output.
    const ofConstant = !file.maker(input![0]!);
    assert.equal(file.constant(input![1]!).dims?.length ?? 0, ofConstant ? 1 : 0);
  }
  for (const { input } of file.all("Conv", "Gemm")) {
    const [x, weight, bias] = input!.map((name) => file.maker(name));
    assert.equal(x!.op_type, "DequantizeLinear");
    assert.equal(file.constant(weight!.input![0]!).data_type, ELEMENT.int8);
    if (target === "tensorrt") assert.equal(file.constant(input![2]!).data_type, ELEMENT.float);
    else {
      assert.equal(file.constant(bias!.input![0]!).data_type, ELEMENT.int32);
      assert.equal(bias!.input!.length, target === "web" ? 2 : 3);
    }
  }
  for (const { input } of file.all("Add")) {
    const makers = input!.map((name) => file.maker(name)?.op_type);
    if (makers.includes("Mul")) continue;
    const body = target === "tensorrt" ? "Conv" : "DequantizeLinear";
    assert.deepEqual(makers, [body, "DequantizeLinear"]);
  }
}

/** A network with another quantizer at one tensor. */
function withQuantizer(network: ExportNetwork, name: string, quantizer: Quantizer): ExportNetwork {
  const tensor = (t: ExportTensor) => t.name === name ? { ...t, quantizer } : t;
  const nodes = network.nodes.map((node): ExportNode => {
    const ends = { input: tensor(node.input), output: tensor(node.output) };
    return node.op === "add"
      ? { ...node, ...ends, other: tensor(node.other) }
      : { ...node, ...ends };
  });
  return { ...network, nodes };
}

Deno.test("ONNX: ReLU6 clips where the range of codes goes beyond 6, on codes alone", () => {
  for (const [zero, clips] of [[-128, [0, 96]], [-100, [28, 124]]] as const) {
    const wide = { scale: 0.0625, zero, symmetric: false };
    const network = withQuantizer(randomNetwork("depthwise"), "expand", wide), count = 2;
    const bytes = encode(network), images = randomImages(network, count);
    const file = new Structure(bytes), [clip] = file.all("Clip");
    const limits = clip!.input!.slice(1).map((name) => file.constant(name).raw_data![0]);
    assert.deepEqual([clip!.name, limits], ["expand/clip", clips]);
    const expected = computePlainly(network, images, count);
    const { tensors } = runFile(bytes, images, count);
    assert.ok(expected.get("expand")!.some((value) => value === 6), "some are clipped");
    for (const [name, values] of expected) {
      assert.equal(difference(values, tensors.get(name)!), 0, name);
    }
  }
});

Deno.test("ONNX: layers may be called as the file's input and output", () => {
  for (const options of [{}, FLOAT]) {
    const text = (name: string) => ({ conv1: "image", scores: "probabilities" })[name] ?? name;
    const network = randomNetwork("convolutional", options);
    const tensor = (t: ExportTensor) => ({ ...t, name: text(t.name) });
    const nodes = network.nodes.map((node): ExportNode => ({
      ...node,
      ...{ name: text(node.name), input: tensor(node.input), output: tensor(node.output) },
    }));
    const renamed = { ...network, nodes, logits: tensor(network.logits) };
    const images = randomImages(network, 2), of = runFile(encode(renamed), images, 2);
    const before = runFile(encode(network), images, 2);
    assert.deepEqual(of.probabilities, before.probabilities);
    assert.deepEqual([...of.tensors.keys()], ["input", "image", "probabilities"]);
    assert.deepEqual([...of.tensors.values()], [...before.tensors.values()]);
  }
});

Deno.test("ONNX: the same network gives the same bytes, with shape, classes and metadata", () => {
  const network = randomNetwork("residual");
  assert.deepEqual(encode(network), encode(randomNetwork("residual")));
  const { shape, classes, metadata } = openOnnx(encode(network), "net.onnx");
  assert.deepEqual([shape, classes, metadata], [[7, 7, 3], 5, { key: "value" }]);
});

Deno.test("ONNX: a metadata key __proto__ is a key like any other", () => {
  const metadata = { ["__proto__"]: "x" };
  const bytes = encodeOnnx(randomNetwork("plain"), { target: "ort", name: "net", metadata });
  assert.deepEqual(Object.entries(openOnnx(bytes, "net.onnx").metadata), [["__proto__", "x"]]);
});

Deno.test("ONNX for tensorrt: a network with zero points is refused, with the field to set", () => {
  assert.throws(
    () => encode(randomNetwork("plain"), "tensorrt"),
    (error) =>
      error instanceof UsageError && /quantize\.activations\.symmetric: true/.test(error.message),
  );
});

Deno.test("ONNX: a tensor with two readers is quantized once and dequantized for each", () => {
  const file = new Structure(encode(randomNetwork("residual")));
  const readers = file.readers("stem/codes");
  assert.deepEqual(readers.map(({ op_type }) => op_type), Array(2).fill("DequantizeLinear"));
  assert.deepEqual(readers.map(({ output }) => output![0]), ["stem", "stem/2"]);
});

Deno.test("ONNX: the file is shorter than a fifth more than its weights, for large layers", () => {
  const { nodes, ...rest } = randomNetwork("convolutional");
  const last = nodes.at(-1)!;
  assert.ok(last.op === "conv" && "codes" in last.weights);
  const outputs = 500, taps = last.weights.codes.length / last.output.c;
  const weights = {
    codes: new Int8Array(outputs * taps),
    scales: new Float32Array(outputs).fill(1),
    bias: new Int32Array(outputs),
  };
  const output = { ...last.output, c: outputs };
  const bytes = encode({
    ...rest,
    nodes: [nodes[0]!, { ...last, output, weights }],
    logits: output,
  });
  assert.ok(bytes.length < 1.2 * outputs * taps, `${bytes.length} bytes`);
});

/** Asserts that a file is refused with this message. */
function assertRefused(bytes: Uint8Array, message: RegExp): void {
  assert.throws(
    () => openOnnx(bytes, "net.onnx"),
    (error) => error instanceof DataError && message.test(error.message),
  );
}

type Graph = NonNullable<ModelProto["graph"]>;

/** A file of a small network with its graph changed. */
function changed(kind: Kind, change: (graph: Graph) => Graph): Uint8Array<ArrayBuffer> {
  const model = decodeModel(encode(randomNetwork(kind)));
  return encodeModel({ ...model, graph: change(model.graph!) });
}

/** A file with nodes of one operation changed. */
function withNodes(kind: Kind, op: string, change: (node: NodeProto) => NodeProto) {
  return changed(kind, (graph) => ({
    ...graph,
    node: graph.node!.map((node) => node.op_type === op ? change(node) : node),
  }));
}

Deno.test("ONNX: an operation that is not known is refused by its name, node and file", () => {
  assertRefused(
    withNodes("plain", "Softmax", (node) => ({ ...node, op_type: "LSTM", output: ["a", "b"] })),
    /^net\.onnx: node probabilities\/softmax \(LSTM\): expected an operation that qtrain runs \(Add, .*Conv.*got LSTM; run it with ONNX Runtime$/,
  );
  assertRefused(
    withNodes("plain", "Conv", (node) => ({ ...node, domain: "com.microsoft" })),
    /node conv1 \(Conv\): .*com\.microsoft/,
  );
});

Deno.test("ONNX: graphs that do not hold together are refused with the node", () => {
  const without = (name: string) =>
    changed("plain", (graph) => ({
      ...graph,
      initializer: graph.initializer!.filter((tensor) => tensor.name !== name),
    }));
  assertRefused(
    without("conv1/weight/codes"),
    /node conv1\/weight\/dequantize .*conv1\/weight\/codes/,
  );
  assertRefused(without("input/scale"), /node input\/quantize .*input\/scale/);
  // In a circle, some node reads what comes later.
  assertRefused(
    changed("plain", (graph) => ({ ...graph, node: graph.node!.toReversed() })),
    /the output of an earlier node/,
  );
  assertRefused(
    withNodes("plain", "Relu", (node) => ({ ...node, input: node.output! })),
    /the output of an earlier node/,
  );
  assertRefused(
    withNodes("plain", "Relu", (node) => ({ ...node, output: ["image"] })),
    /image is computed twice/,
  );
  assertRefused(changed("plain", (graph) => ({ ...graph, node: [] })), /with a network, got none/);
  assertRefused(
    changed("plain", (graph) => ({ ...graph, output: [{ name: "none" }] })),
    /output none/,
  );
});

Deno.test("ONNX: attributes, ranks and types that are not run are refused", () => {
  const attribute = (kind: Kind, op: string, name: string, value: number | number[]) =>
    withNodes(kind, op, (node) => ({
      ...node,
      attribute: [
        ...node.attribute!.filter((other) => other.name !== name),
        typeof value === "number" ? { name, i: value } : { name, ints: value },
      ],
    }));
  assertRefused(attribute("plain", "Conv", "dilations", [2, 2]), /dilations of 1/);
  assertRefused(attribute("plain", "Conv", "strides", [0, 1]), /strides above 0/);
  assertRefused(attribute("plain", "Conv", "pads", [0, -1, 0, 0]), /pads/);
  assertRefused(attribute("plain", "Conv", "pads", [0, 1]), /4 whole numbers as pads/);
  assertRefused(
    attribute("plain", "Conv", "pads", Array(4).fill(2 ** 40)),
    /1 to 2²⁶ values/,
  );
  assertRefused(attribute("plain", "Conv", "kernel_shape", [99, 99]), /kernel 3×3/);
  assertRefused(attribute("plain", "Conv", "group", 2), /weights \[outputs, 3 \/ groups/);
  assertRefused(attribute("plain", "Conv", "group", 0), /weights/);
  assertRefused(
    attribute("plain", "Conv", "colour", 1),
    /attributes that qtrain knows, got colour/,
  );
  assertRefused(attribute("plain", "MaxPool", "ceil_mode", 1), /ceil_mode 0/);
  assertRefused(attribute("plain", "MaxPool", "pads", [3, 0, 0, 0]), /pads below/);
  assertRefused(attribute("plain", "Flatten", "axis", 2), /axis 1/);
  assertRefused(attribute("plain", "Gemm", "transA", 1), /transA 0/);
  assertRefused(attribute("plain", "Softmax", "axis", 0), /axis 1/);
  assertRefused(attribute("plain", "Transpose", "perm", [0, 1, 2, 3]), /perm between/);
  assertRefused(attribute("plain", "Cast", "to", 10), /to 1/);
  assertRefused(attribute("plain", "Flatten", "axis", [1]), /axis of type 2, got type none/);
  assertRefused(attribute("plain", "Conv", "strides", 2), /strides of type 7, got type none/);
  const typed = (op: string, name: string, type: number) =>
    withNodes("plain", op, (node) => ({ ...node, attribute: [{ name, type }] }));
  assertRefused(typed("Gemm", "alpha", 2), /alpha of type 1, got type 2/);
  // Writers of proto3 leave out a value of 0.
  assertRefused(typed("Gemm", "alpha", 1), /alpha 1, got 0/);
  assertRefused(typed("Softmax", "axis", 2), /axis 1, got 0/);
  assertRefused(withNodes("plain", "Conv", (node) => ({ ...node, input: [] })), /2 to 3 inputs/);
  assertRefused(
    withNodes(
      "plain",
      "Flatten",
      (node) => ({ ...node, op_type: "GlobalAveragePool", attribute: [] }),
    ),
    /weights for 6 inputs|Gemm/,
  );
});

Deno.test("ONNX: constants that are not what they say are refused", () => {
  const constant = (name: string, change: (tensor: TensorProto) => TensorProto) =>
    changed("plain", (graph) => ({
      ...graph,
      initializer: graph.initializer!.map((t) => t.name === name ? change(t) : t),
    }));
  const weight = "conv1/weight/codes";
  assertRefused(
    constant(weight, (t) => ({ ...t, dims: [2 ** 40, 2 ** 40] })),
    /expected the values/,
  );
  assertRefused(constant(weight, (t) => ({ ...t, dims: [-5, -27] })), /expected the values/);
  assertRefused(constant(weight, (t) => ({ ...t, raw_data: new Uint8Array(7) })), /got 7/);
  assertRefused(constant(weight, (t) => ({ ...t, data_location: 1 })), /values in another file/);
  assertRefused(constant(weight, (t) => ({ ...t, data_type: 99 })), /got type 99/);
  for (const value of [300, -129]) {
    assertRefused(
      constant(weight, ({ dims = [], data_type = 0, name = "" }) => {
        const size = dims.reduce((a, b) => a * b, 1);
        return { dims, data_type, name, int32_data: Array(size).fill(value) };
      }),
      /expected int8 values of -128 to 127, got (300|-129)/,
    );
  }
  for (const scale of [0, -1, NaN, Infinity]) {
    const raw_data = new Uint8Array(Float32Array.of(scale).buffer);
    assertRefused(constant("conv1/scale", (t) => ({ ...t, raw_data })), /a scale above 0/);
  }
  assertRefused(
    changed("plain", (graph) => ({
      ...graph,
      initializer: [...graph.initializer!, ...graph.initializer!],
    })),
    /is there twice/,
  );
});

Deno.test("ONNX: other inputs than images as uint8 are refused", () => {
  const input = (elem_type: number, sizes: number[]) =>
    changed("plain", (graph) => {
      const shape = { dim: sizes.map((dim_value) => ({ dim_value })) };
      return { ...graph, input: [{ name: "image", type: { tensor_type: { elem_type, shape } } }] };
    });
  assertRefused(input(ELEMENT.float, [1, 9, 7, 3]), /expected images as uint8/);
  assertRefused(input(ELEMENT.uint8, [1, 9, 7]), /expected images as uint8/);
  assertRefused(input(ELEMENT.uint8, [1, 2 ** 30, 7, 3]), /expected images as uint8/);
  assertRefused(input(ELEMENT.uint8, [1, 65536, 65536, 3]), /1 to 2²⁶ values/);
  assertRefused(input(ELEMENT.uint8, [1, 9, 7, 4]), /one for each of 4 channels/);
  const model = decodeModel(encode(randomNetwork("plain")));
  assertRefused(encodeModel({ ...model, opset_import: [{ version: 9 }] }), /version 13 to/);
});

Deno.test("ONNX: images of more values than a tensor may have are refused before any layer", () => {
  const sized = (size: number) =>
    changed("plain", (graph) => {
      const shape = { dim: [1, size, size, 3].map((dim_value) => ({ dim_value })) };
      const image = { name: "image", type: { tensor_type: { elem_type: ELEMENT.uint8, shape } } };
      return { ...graph, node: graph.node!.slice(0, 1), input: [image] };
    });
  assertRefused(
    sized(5000),
    /input image: .*1 to 2²⁶ values.*; export the network for smaller images/,
  );
});

Deno.test("ONNX: a network that ends in scores is refused for its lack of a Softmax", () => {
  const bytes = changed("plain", (graph) => {
    const node = graph.node!.filter(({ op_type }) => op_type !== "Softmax");
    return { ...graph, node, output: [{ name: node.at(-1)!.output![0]! }] };
  });
  assertRefused(bytes, /lacks a Softmax at its end; export it with one/);
});

Deno.test("ONNX: a long name is cut in messages", () => {
  const op_type = "e\u0301".repeat(100_000);
  const bytes = withNodes("plain", "Softmax", (node) => ({ ...node, op_type }));
  assert.throws(
    () => openOnnx(bytes, "net.onnx"),
    (error) => error instanceof DataError && error.message.length < 3000,
  );
});

Deno.test("ONNX: very many empty nodes are refused at once", () => {
  // Each node is its field's number and a length of 0.
  const nodes = new Uint8Array(2 * 2 ** 20);
  for (let i = 0; i < nodes.length; i += 2) nodes[i] = 0x0a;
  // The graph, of 2²¹ bytes.
  const bytes = new Uint8Array([0x3a, 0x80, 0x80, 0x80, 0x01, ...new Uint8Array(nodes.length)]);
  bytes.set(nodes, 5);
  assertRefused(bytes, /more than 131072 nodes/);
});

Deno.test("ONNX: sums of 60,000 products of codes are exact", () => {
  const size = 60_000, dice = new Dice(3);
  const weights = Int8Array.from({ length: 2 * size }, () => dice.below(255) - 127);
  const image = Uint8Array.from({ length: size }, () => dice.below(256));
  const node = (op_type: string, input: string[], output: string, ints?: number[]): NodeProto => ({
    ...{ op_type, input, output: [output] },
    attribute: ints
      ? [{ name: "perm", ints }]
      : op_type === "Gemm"
      ? [{ name: "transB", i: 1 }]
      : [],
  });
  const type = (elem_type: number, sizes: number[]) => ({
    tensor_type: { elem_type, shape: { dim: sizes.map((dim_value) => ({ dim_value })) } },
  });
  const bytes = encodeModel({
    opset_import: [{ version: 13 }],
    graph: {
      node: [
        { op_type: "Cast", input: ["image"], output: ["x"], attribute: [{ name: "to", i: 1 }] },
        node("Transpose", ["x"], "t", [0, 3, 1, 2]),
        node("QuantizeLinear", ["t", "one"], "q"),
        node("DequantizeLinear", ["q", "one"], "d"),
        node("Flatten", ["d"], "f"),
        node("DequantizeLinear", ["codes", "one"], "w"),
        node("Gemm", ["f", "w"], "logits"),
        node("Softmax", ["logits"], "p"),
      ],
      initializer: [
        { name: "one", data_type: ELEMENT.float, float_data: [1] },
        {
          ...{ name: "codes", data_type: ELEMENT.int8, dims: [2, size] },
          raw_data: new Uint8Array(weights.buffer),
        },
      ],
      input: [{ name: "image", type: type(ELEMENT.uint8, [1, size, 1, 1]) }],
      output: [{ name: "p", type: type(ELEMENT.float, [1, 2]) }],
    },
  });
  const sums = [0, 0];
  weights.forEach((weight, i) => sums[Math.floor(i / size)]! += weight * image[i % size]!);
  const { tensors } = runFile(bytes, image, 1);
  assert.deepEqual([...tensors.get("logits")!], sums.map(Math.fround));
});

Deno.test("ONNX: one constant in very many nodes does not take memory without bound", () => {
  const bytes = changed("convolutional", (graph) => {
    const conv = graph.node!.find(({ op_type }) => op_type === "Conv")!;
    const copies = Array.from({ length: 200 }, (_, i) => ({ ...conv, output: [`copy${i}`] }));
    return {
      ...graph,
      node: graph.node!.flatMap((node) => node === conv ? [conv, ...copies] : [node]),
    };
  });
  assertRefused(bytes, /each weight in one layer/);
});

/** Opens and runs what may be a file: a DataError or an answer. Returns whether it gave an answer. */
function opensOrRefuses(bytes: Uint8Array): boolean {
  try {
    const file = openOnnx(bytes, "net.onnx"), pixels = file.shape.reduce((a, b) => a * b);
    if (pixels > 1e5) return false;
    assert.equal(file.run(new Uint8Array(pixels), 1).length, file.classes);
    return true;
  } catch (error) {
    assert.ok(error instanceof DataError, String((error as Error).stack));
    assert.match(error.message, /^net\.onnx: /);
    return false;
  }
}

Deno.test("ONNX: a file that is cut off anywhere is refused", () => {
  const bytes = encode(randomNetwork("plain"));
  for (let n = 0; n < 200; n++) {
    const cut = bytes.subarray(0, Math.floor(bytes.length * n / 200));
    // The last bytes are the opset or the metadata, which may be left out whole.
    assert.ok(!opensOrRefuses(cut) || n > 195, `${cut.length} of ${bytes.length} bytes`);
  }
});

Deno.test("ONNX: files with flipped bytes are refused or answer", () => {
  const dice = new Dice(1);
  let answered = 0;
  for (const kind of ALL_KINDS) {
    const bytes = encode(randomNetwork(kind));
    for (let n = 0; n < 150; n++) {
      const damaged = bytes.slice();
      for (let k = dice.below(4); k >= 0; k--) {
        damaged[dice.below(damaged.length)] = dice.below(256);
      }
      if (opensOrRefuses(damaged)) answered++;
    }
  }
  assert.ok(answered > 50, `${answered} answered`);
});

Deno.test("ONNX: what is no ONNX file at all is refused", () => {
  for (const text of ["", "\n", "hello", "{}", "\x89PNG", "\xff".repeat(100)]) {
    assert.equal(opensOrRefuses(new TextEncoder().encode(text)), false);
  }
  assert.equal(opensOrRefuses(new Uint8Array(1000)), false);
});
