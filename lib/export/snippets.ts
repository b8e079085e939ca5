/**
 * Short programs that answer an image file with an exported file, in Python, Node and a browser. They
 * prepare the image as qtrain does, to the bit: Pillow's BILINEAR is the same filter; canvases and image
 * libraries of JavaScript have others, so there the program scales by itself.
 *
 * @module
 */
import type { Description } from "./description.ts";

/** A program. */
export interface Snippet {
  /** Where it runs. */
  readonly title: string;
  /** What to install, and how to start it. */
  readonly usage: string;
  readonly language: "python" | "js" | "html";
  /** Name of the file to save it as. */
  readonly file: string;
  readonly code: string;
}

/** Versions that the programs in browsers load. */
const ORT_WEB = "https://cdn.jsdelivr.net/npm/onnxruntime-web@1.30.0/dist/ort.wasm.bundle.min.mjs";
const LITERT = "https://cdn.jsdelivr.net/npm/@litertjs/core@2.5.3";
const LITERT_UTILS = "https://cdn.jsdelivr.net/npm/@litertjs/wasm-utils@2.5.3";

/** The programs for a file: those of ONNX Runtime, or of LiteRT, which has none for Node. */
export function snippetsFor(description: Description): readonly Snippet[] {
  if (!takesImageFiles(description.input.shape[3])) return [];
  const all = [python(description), browser(description)];
  return description.format === "onnx" ? all.toSpliced(1, 0, node(description)) : all;
}

/** Whether image files have so many channels. */
export function takesImageFiles(channels: number): boolean {
  return channels === 1 || channels === 3;
}

/** A text in quotes, as Python and JavaScript read it, also within HTML. */
function text(value: string): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

function python(
  { file, format, input: { name, shape: [, h, w, c] }, output }: Description,
): Snippet {
  const ort = format === "onnx";
  const run = ort
    ? `options = onnxruntime.SessionOptions()
options.add_session_config_entry("session.x64quantprecision", "1")  # exact sums without VNNI
session = onnxruntime.InferenceSession(${text(file)}, options, providers=["CPUExecutionProvider"])
probabilities = session.run([${text(output.name)}], {${text(name)}: pixels})[0][0]`
    : `network = Interpreter(model_path=${text(file)})
network.allocate_tensors()
network.set_tensor(network.get_input_details()[0]["index"], pixels)
network.invoke()
probabilities = network.get_tensor(network.get_output_details()[0]["index"])[0]`;
  return {
    title: "Python",
    usage: `pip install ${ort ? "onnxruntime" : "ai-edge-litert"} pillow numpy; ` +
      "python classify.py photo.jpg",
    language: "python",
    file: "classify.py",
    code: `import json, sys
import numpy${ort ? ", onnxruntime" : "\nfrom ai_edge_litert.interpreter import Interpreter"}
from PIL import Image, ImageOps

w, h = ${w}, ${h}
image = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("${c === 1 ? "L" : "RGB"}")
across, down = max(w, h * image.width // image.height), max(h, w * image.height // image.width)
left, top = round((across - w) / 2), round((down - h) / 2)
image = image.resize((across, down), Image.BILINEAR).crop((left, top, left + w, top + h))
pixels = numpy.asarray(image, dtype=numpy.uint8).reshape(1, h, w, ${c})
${run}
best = probabilities.argmax()
with open(${text(`${file}.json`)}, encoding="utf-8") as description:
    print(json.load(description)["classes"][best], f"{probabilities[best]:.4f}")
`,
  };
}

function node({ file, input: { name, shape: [, h, w, c] }, output }: Description): Snippet {
  return {
    title: "Node",
    usage: "npm install onnxruntime-node sharp; node classify.mjs photo.jpg",
    language: "js",
    file: "classify.mjs",
    code: `import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-node";
import sharp from "sharp";

const photo = sharp(process.argv[2], { ignoreIcc: true }).rotate().removeAlpha();
const rgb = photo.toColourspace("srgb").raw();
const { data, info } = await rgb.toBuffer({ resolveWithObject: true });
const pixels = prepare(data, info.width, info.height);
const ${name} = new ort.Tensor("uint8", pixels, [1, ${h}, ${w}, ${c}]);
const extra = { session: { x64quantprecision: "1" } }; // exact sums on processors without VNNI
const session = await ort.InferenceSession.create(${text(file)}, { extra });
const probabilities = (await session.run({ ${name} })).${output.name}.data;
const best = probabilities.indexOf(Math.max(...probabilities));
const { classes } = JSON.parse(readFileSync(${text(`${file}.json`)}, "utf8"));
console.log(classes[best], probabilities[best].toFixed(4));

${prepare(w, h, c, 3)}`,
  };
}

function browser(
  { file, format, input: { name, shape: [, h, w, c] }, output }: Description,
): Snippet {
  const ort = format === "onnx", url = encodeURIComponent(file);
  const [load, open, run] = ort
    ? [
      `<script type="module">
import * as ort from "${ORT_WEB}";
`,
      `const session = await ort.InferenceSession.create(${text(url)});`,
      `  const ${name} = new ort.Tensor("uint8", pixels, [1, ${h}, ${w}, ${c}]);
  const probabilities = (await session.run({ ${name} })).${output.name}.data;`,
    ]
    : [
      `<script type="importmap">
{ "imports": { "@litertjs/wasm-utils": "${LITERT_UTILS}/dist/index.js" } }
</script>
<script type="module">
import { loadAndCompile, loadLiteRt, Tensor } from "${LITERT}/dist/index.js";
`,
      `await loadLiteRt("${LITERT}/wasm/");
const network = await loadAndCompile(${text(url)}, { accelerator: "wasm" });`,
      `  const image = new Tensor(pixels, [1, ${h}, ${w}, ${c}]), [output] = await network.run(image);
  const probabilities = output.toTypedArray().slice();
  image.delete(), output.delete();`,
    ];
  return {
    title: "Browser",
    usage:
      "Save it beside the file, serve the folder (python -m http.server), and choose an image.",
    language: "html",
    file: "classify.html",
    code: `<!DOCTYPE html>
<meta charset="utf-8">
<input type="file" accept="image/*" disabled> <output></output>
${load}
${open}
const { classes } = await (await fetch(${text(`${url}.json`)})).json();
const input = document.querySelector("input"), context = new OffscreenCanvas(1, 1).getContext("2d");
input.onchange = async () => {
  const photo = await createImageBitmap(input.files[0], { colorSpaceConversion: "none" });
  const { width, height } = photo;
  Object.assign(context.canvas, { width, height });
  context.drawImage(photo, 0, 0);
  const pixels = prepare(context.getImageData(0, 0, width, height).data, width, height);
${run}
  const best = probabilities.indexOf(Math.max(...probabilities));
  document.querySelector("output").value = classes[best] + " " + probabilities[best].toFixed(4);
};
input.disabled = false;

${prepare(w, h, c, 4)}</script>
`,
  };
}

/**
 * The functions that scale and crop pixels of `from` bytes. A pass makes an image as wide as it shall be
 * by a triangle filter whose weights have 22 bits, keeps the middle, and swaps rows and columns, so that
 * the second pass does the other side.
 */
function prepare(w: number, h: number, c: number, from: 3 | 4): string {
  const at = `${from} * i`;
  const channels = c === 1
    ? `  const grey = (_, i) =>
    (rgb[${at}] * 19595 + rgb[${at} + 1] * 38470 + rgb[${at} + 2] * 7471 + 32768) >> 16;
  const pixels = Uint8Array.from({ length: width * height }, grey);
`
    : from === 4
    ? "  const pixels = rgb.filter((_, i) => i % 4 < 3);\n"
    : "";
  const name = channels === "" ? "pixels" : "rgb";
  return `// Scales the image to cover ${w}×${h} and crops it at the centre, as Pillow's BILINEAR does.
function prepare(${name}, width, height) {
${channels}  const across = Math.max(${w}, Math.floor(${h} * width / height));
  const down = Math.max(${h}, Math.floor(${w} * height / width));
  return scale(scale(pixels, width, across, ${w}), height, down, ${h});
}

// Scales rows of \`from\` pixels to \`to\`, of which it keeps the middle, and swaps rows and columns.
function scale(pixels, from, to, keep) {
  const rows = pixels.length / from / ${c}, scaled = new Uint8Array(rows * keep * ${c});
  const step = from / to, reach = Math.max(step, 1), spare = to - keep;
  const left = spare % 2 ? 2 * Math.round(spare / 4) : spare / 2;
  for (let x = 0; x < keep; x++) {
    const middle = (left + x + 0.5) * step, weights = [];
    const first = Math.max(Math.floor(middle - reach + 0.5), 0);
    const end = Math.min(Math.floor(middle + reach + 0.5), from);
    for (let k = first + 0.5; k < end; k++) {
      weights.push(Math.max(1 - Math.abs(k - middle) / reach, 0));
    }
    const total = weights.reduce((sum, weight) => sum + weight), unit = 2 ** 22;
    const shares = weights.map((weight) => Math.round(weight / total * unit));
    for (let y = 0; y < rows; y++) {
      for (let c = 0; c < ${c}; c++) {
        let sum = unit / 2;
        shares.forEach((share, k) => sum += share * pixels[(y * from + first + k) * ${c} + c]);
        scaled[(x * rows + y) * ${c} + c] = sum / unit;
      }
    }
  }
  return scaled;
}
`;
}
