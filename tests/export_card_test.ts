/** What is written beside an exported file: its description, its card, and the programs in it. */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { cardOf, isCard } from "../lib/export/card.ts";
import { describeFile, type Description, isDescription } from "../lib/export/description.ts";
import { encodeOnnx } from "../lib/export/onnx/encode.ts";
import { snippetsFor } from "../lib/export/snippets.ts";
import { toChannels } from "../lib/image/pixels.ts";
import { resizeAndCrop } from "../lib/image/resize.ts";
import { randomNetwork } from "./support/export_networks.ts";
import { uniform } from "./support/fill.ts";

const NAMES = ["a `cat`", 'it\'s a "dog"', "</script>", "b|c\nd", "ψ"];

/** Describes a file of a random network, with more of it changed. */
async function described(change: Partial<Description> = {}): Promise<Description> {
  const network = randomNetwork("residual"), { h, w, c } = network.input;
  const naming = { name: "test", metadata: {}, target: "ort" } as const;
  const description = await describeFile({
    name: "photos.onnx",
    format: "onnx",
    target: "ort",
    bytes: encodeOnnx(network, naming),
    network,
    spec: {
      shape: [h, w, c],
      classes: 5,
      mean: [0.5, 0.4, 0.3],
      std: [0.2, 0.2, 0.2],
      classNames: NAMES,
    },
    data: "folder",
    recipe: "name: photos\n# ``` ````\n",
    step: 1234,
    check: {
      images: 1000,
      runAccuracy: 0.9,
      fileAccuracy: 0.895,
      differing: 12,
      maxDifference: 0.123,
    },
  });
  return { ...description, ...change };
}

Deno.test("a description has the input, the output, the classes, the ranges and the accuracy", async () => {
  const found = await described();
  assert.equal(isDescription(JSON.stringify(found)), true);
  assert.deepEqual(found.input.shape, ["batch", 7, 7, 3]);
  assert.deepEqual(found.input.channels, ["red", "green", "blue"]);
  assert.deepEqual(found.output, {
    name: "probabilities",
    type: "float32",
    shape: ["batch", 5],
    values: "softmax of the scores, by label",
  });
  assert.deepEqual(found.classes, NAMES);
  assert.deepEqual(found.accuracy, {
    test_images: 1000,
    run: 0.9,
    file: 0.895,
    differing_answers: 12,
    largest_difference: 0.123,
  });
  assert.match(found.sha256, /^[0-9a-f]{64}$/);
  const { quantizers } = found;
  assert.equal(quantizers[0]!.tensor, "input");
  for (const { codes, scale, zero_point, low, high } of quantizers) {
    assert.equal(codes, "uint8");
    assert.ok(zero_point >= 0 && zero_point <= 255);
    assert.ok(Math.abs(low + scale * zero_point) < 1e-4 * scale * 255);
    assert.ok(Math.abs(high - low - 255 * scale) < 1e-4 * scale * 255);
  }
  assert.deepEqual(await described(), found, "the same each time");
});

Deno.test("a description counts weights, names classes without names by label, and has no ranges in float32", async () => {
  const network = randomNetwork("pools", { quantized: false }), { h, w, c } = network.input;
  let count = 0;
  for (const node of network.nodes) {
    if (node.op !== "conv" || !("values" in node.weights)) continue;
    count += node.weights.values.length + node.weights.bias.length;
  }
  const { c: classes } = network.logits;
  const found = await describeFile({
    name: "a.onnx",
    format: "onnx",
    bytes: new Uint8Array(3),
    network,
    spec: { shape: [h, w, c], classes, mean: [0], std: [1] },
    data: "idx",
    recipe: "",
    step: 1,
  });
  assert.equal(found.parameters, count);
  assert.deepEqual(found.quantizers, []);
  assert.equal(found.arithmetic, "float32");
  assert.deepEqual(found.classes, Array.from({ length: classes }, (_, label) => String(label)));
  assert.equal(found.accuracy, undefined);
  assert.match(cardOf(found), /was not compared with the run/);
});

Deno.test("a description has the quantizers that the file has for its target", async () => {
  const network = randomNetwork("residual", { symmetric: true }), { h, w, c } = network.input;
  const spec = { shape: [h, w, c], classes: 5, mean: [0, 0, 0], std: [1, 1, 1] } as const;
  const of = async (target: "ort" | "tensorrt") =>
    (await describeFile(
      {
        ...{ name: "a.onnx", format: "onnx", target, bytes: new Uint8Array(3), network, spec },
        ...{ data: "idx", recipe: "", step: 1 },
      } as const,
    )).quantizers;
  const ort = await of("ort"), tensorrt = await of("tensorrt");
  assert.ok(ort.slice(1).every(({ codes, zero_point }) => codes === "uint8" && zero_point === 128));
  assert.ok(tensorrt.every(({ codes, zero_point }) => codes === "int8" && zero_point === 0));
  // The end of a residual block's body is not quantized for TensorRT.
  const names = tensorrt.map(({ tensor }) => tensor);
  assert.ok(ort.some(({ tensor }) => tensor === "block1.conv2") && !names.includes("block1.conv2"));
});

Deno.test("a card has the accuracy, the ranges, the recipe and a program for each place", async () => {
  const card = cardOf(await described());
  assert.equal(isCard(card), true);
  assert.equal(isCard("# My notes\n"), false);
  assert.match(card, /^# `photos\.onnx`\n/);
  assert.match(card, /accuracy of the run \| 90\.00% \|\n\| accuracy of the file \| 89\.50% \|/);
  assert.match(card, /12 \(1\.20%\)/);
  assert.match(card, /\| `block1\.conv1` \| [\d.e-]+ \| \d+ \| .* to .* \|/);
  assert.match(
    card,
    /`````yaml\nname: photos\n# ``` ````\n`````/,
    "a fence that the recipe does not end",
  );
  assert.match(card, /1 ``? ?it's a "dog"/);
  assert.match(card, /`` a `cat` ``/);
  for (const title of ["Python", "Node", "Browser"]) {
    assert.match(card, new RegExp(`^### ${title}$`, "m"));
  }
  const tflite = cardOf(await described({ format: "tflite", file: "a.tflite" }));
  assert.match(tflite, /ai_edge_litert[\s\S]*@litertjs\/core[\s\S]*LiteRT has no package for Node/);
});

/** The script of a program, and the functions that prepare images. */
const partsOf = (code: string) => {
  const [, script = code] = /<script type="module">\n([^]*)<\/script>/.exec(code) ?? [];
  const at = script.indexOf("// Scales the image to cover");
  return { script, prepare: script.slice(at) };
};
type Prepare = (pixels: Uint8Array, width: number, height: number) => Uint8Array;

Deno.test("programs in JavaScript parse, whatever the names are, and load what they need", async () => {
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  for (const format of ["onnx", "tflite"] as const) {
    const file = `a"b</script>'\n.${format}`;
    for (const { language, code } of snippetsFor(await described({ format, file }))) {
      if (language === "python") continue;
      const { script } = partsOf(code), body = script.replace(/^import .*$/gm, "");
      new AsyncFunction(body);
      assert.equal(
        code.split("</script>").length,
        language === "html" ? (format === "onnx" ? 2 : 3) : 1,
      );
      assert.ok(script.includes("[1, 7, 7, 3]"));
      for (const [line] of code.matchAll(/^.{101,}$/gm)) {
        assert.match(line, /https:/);
      }
    }
  }
});

Deno.test("programs in Python parse, whatever the names are", async (t) => {
  const python = async (code: string) => {
    const child = new Deno.Command("python3", {
      args: ["-c", "import ast, sys; ast.parse(sys.stdin.buffer.read())"],
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(code));
    await writer.close();
    return new TextDecoder().decode((await child.output()).stderr);
  };
  const there = await python("").then((said) => said === "", () => false);
  await t.step({
    name: "with python3",
    ignore: !there,
    async fn() {
      for (const format of ["onnx", "tflite"] as const) {
        const [{ code, language }] = snippetsFor(
          await described({ format, file: `a"b'\n\\${format}` }),
        ) as [ReturnType<typeof snippetsFor>[number]];
        assert.equal(language, "python");
        assert.equal(await python(code), "");
      }
    },
  });
});

/** Sizes of images, and of inputs: larger, smaller, narrow, one pixel. */
const SIZES = [[37, 23], [23, 37], [7, 7], [200, 9], [8, 61], [1, 1], [3, 2]] as const;
const INPUTS = [[7, 7], [16, 28], [28, 16], [5, 1]] as const;

Deno.test("programs in JavaScript scale, crop and turn grey as qtrain does, to the bit", async () => {
  for (const channels of [1, 3] as const) {
    for (const [h, w] of INPUTS) {
      const { input, ...rest } = await described();
      const snippets = snippetsFor({
        ...rest,
        input: { ...input, shape: ["batch", h, w, channels] },
      });
      for (const { title, code } of snippets.filter(({ language }) => language !== "python")) {
        const prepare = new Function(`${partsOf(code).prepare}; return prepare`)() as Prepare;
        const stored = title === "Node" ? 3 : 4;
        for (const [width, height] of SIZES) {
          const u = uniform(width * 100 + height), count = width * height;
          const rgba = Uint8Array.from({ length: 4 * count }, (_, i) => 256 * u(i));
          const pixels = toChannels(rgba, 4, channels);
          const wanted = resizeAndCrop({ width, height, pixels }, channels, h, w).pixels;
          const given = stored === 4 ? rgba : toChannels(rgba, 4, 3);
          const what = `${title}: ${width}×${height} to ${w}×${h}, ${channels} channels`;
          assert.deepEqual([...prepare(given, width, height)], [...wanted], what);
        }
      }
    }
  }
});

Deno.test("a network for images of other channels has a card without programs", async () => {
  const { input, ...rest } = await described();
  const other = { ...rest, input: { ...input, shape: ["batch", 7, 7, 2] as const } };
  assert.deepEqual(snippetsFor(other), []);
  assert.doesNotMatch(cardOf(other), /### /);
});
