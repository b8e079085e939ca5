/** `predict` with a network in an ONNX or TFLite file, in place of a run. */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { encodeMetadata } from "../lib/export/model_file.ts";
import type { ExportNetwork } from "../lib/export/network.ts";
import { encodeOnnx } from "../lib/export/onnx/encode.ts";
import { openModelFile } from "../lib/export/open.ts";
import { encodeTflite } from "../lib/export/tflite/encode.ts";
import type { InputSpec } from "../lib/program/input_spec.ts";
import { predict as predictEach, type Prediction } from "../lib/train/predict.ts";
import { inFolder, PROGRAM, qtrain } from "./support/command.ts";
import { randomNetwork } from "./support/export_networks.ts";
import { jpegOf } from "./support/jpeg_encode.ts";
import { photo, pngOf } from "./support/photos.ts";

const predict = (...args: Parameters<typeof predictEach>) => Array.fromAsync(predictEach(...args));

const NAMES = ["ant", "bee", "cat", "dog", "eel"];
const LOGITS = { scale: 0.05, zero: 3, symmetric: false };

function specFor({ input: { h, w, c }, logits }: ExportNetwork): InputSpec {
  const each = (value: number) => new Array<number>(c).fill(value);
  const classNames = NAMES.slice(0, logits.c);
  return { shape: [h, w, c], classes: logits.c, mean: each(0.5), std: each(0.25), classNames };
}

/** A network as a file; without metadata, as another program might have written it. */
function fileOf(
  network: ExportNetwork,
  format: "onnx" | "tflite",
  metadata: Record<string, string> = encodeMetadata(specFor(network), "recipe"),
): Uint8Array<ArrayBuffer> {
  const naming = { name: "test", metadata };
  return format === "onnx"
    ? encodeOnnx(network, { ...naming, target: "ort" })
    : encodeTflite(network, { ...naming, logits: LOGITS });
}

for (const format of ["onnx", "tflite"] as const) {
  Deno.test(`images get the answers of the network in a file: ${format}`, () =>
    inFolder({}, async (folder) => {
      const network = randomNetwork("residual"), file = `${folder}/a.${format}`;
      const { h, w } = network.input, size = h * w * 3, images: string[] = [];
      await Deno.writeFile(file, fileOf(network, format));
      for (let i = 0; i < 20; i++) { // More than it computes at once.
        images.push(`${folder}/${i}.png`);
        await Deno.writeFile(images[i]!, pngOf(photo("disc", i, w), [h, w, 3]));
      }
      const opened = openModelFile(await Deno.readFile(file), file);
      const answers = await predict(file, [...images, `${folder}/none.png`], { top: 2 });
      assert.equal(answers.length, 21);
      assert.match((answers[20] as { error: string }).error, /none\.png: expected an image file/);
      for (const [i, answer] of answers.slice(0, 20).entries()) {
        const pixels = photo("disc", i, w);
        assert.equal(pixels.length, size);
        const wanted = opened.run(pixels, 1), best = wanted.indexOf(Math.max(...wanted));
        const { class: name, label, probability, top } = answer as Prediction;
        assert.deepEqual([name, label, probability], [NAMES[best], best, wanted[best]]);
        assert.equal(top.length, 2);
      }
    }));

  Deno.test(`a file without metadata of qtrain answers with numbers of classes: ${format}`, () =>
    inFolder({}, async (folder) => {
      await Deno.writeFile(`${folder}/odd.jpg`, await jpegOf(41, 27));
      const network = randomNetwork("pools"), file = `${folder}/a.${format}`;
      await Deno.writeFile(file, fileOf(network, format, {}));
      const [answer] = await predict(file, [`${folder}/odd.jpg`]) as Prediction[];
      assert.equal(answer!.class, String(answer!.label));
    }));
}

Deno.test("options of a device and of a run are refused with a file", () =>
  inFolder({}, async (folder) => {
    const file = `${folder}/a.onnx`, network = randomNetwork("plain");
    await Deno.writeFile(file, fileOf(network, "onnx"));
    for (const options of [{ device: "cpu" }, { threads: 2 }, { best: true }] as const) {
      const [name] = Object.keys(options);
      await assert.rejects(
        predict(file, ["a.png"], options),
        new RegExp(
          `^UsageError: --${name}: expected with the folder of a run, got it with .*a\\.onnx`,
        ),
      );
    }
  }));

Deno.test("files that are damaged, of other operators or of other images are refused in one line", () =>
  inFolder({}, async (folder) => {
    const network = randomNetwork("plain"), spec = specFor(network);
    const onnx = fileOf(network, "onnx"), tflite = fileOf(network, "tflite");
    const renamed = (from: string, to: string) => {
      const text = Uint8Array.from(onnx);
      const at = (part: string) => new TextDecoder("latin1").decode(text).indexOf(part);
      for (let i = at(from); i >= 0; i = at(from)) text.set(new TextEncoder().encode(to), i);
      return text;
    };
    const other = encodeMetadata({ ...spec, classes: 3, classNames: ["a", "b", "c"] }, "");
    const cases: [string, Uint8Array, RegExp][] = [
      ["short.onnx", onnx.subarray(0, onnx.length / 2), /short\.onnx/],
      ["short.tflite", tflite.subarray(0, tflite.length / 2), /short\.tflite/],
      ["empty.onnx", new Uint8Array(0), /empty\.onnx/],
      ["empty.tflite", new Uint8Array(0), /empty\.tflite: expected "TFL3" at byte 4/],
      ["text.onnx", new TextEncoder().encode("This is a letter."), /text\.onnx/],
      ["foreign.onnx", renamed("Softmax", "Sofzzzz"), /foreign\.onnx: .*Sofzzzz/],
      ["other.onnx", fileOf(network, "onnx", other), /other\.onnx: expected images and classes as/],
      [
        "bad.onnx",
        fileOf(network, "onnx", { data: "{", qtrain_version: "1" }),
        /bad\.onnx: expected shape, classes/,
      ],
    ];
    for (const [name, bytes, message] of cases) {
      await Deno.writeFile(`${folder}/${name}`, bytes);
      await assert.rejects(predict(`${folder}/${name}`, ["a.png"]), (error: Error) => {
        assert.equal(error.name, "DataError", `${name}: ${error.stack}`);
        assert.match(error.message, message);
        return true;
      });
    }
    await assert.rejects(
      predict(`${folder}/none.onnx`, ["a.png"]),
      /none\.onnx: cannot read: no such/,
    );
    await Deno.mkdir(`${folder}/folder.onnx`);
    await assert.rejects(
      predict(`${folder}/folder.onnx`, ["a.png"]),
      /folder\.onnx: expected the folder of a run/,
    );
  }));

Deno.test("qtrain predict FILE prints classes, refuses --device, and tells where the file comes after an image", () =>
  inFolder({}, async (folder) => {
    await Deno.writeFile(`${folder}/a b.onnx`, fileOf(randomNetwork("plain"), "onnx"));
    await Deno.writeFile(`${folder}/0.png`, pngOf(photo("bar", 1, 30), [30, 30, 3]));
    const run = (...args: string[]) => qtrain(["predict", ...args], { cwd: folder });
    const good = await run("a b.onnx", "0.png");
    assert.match(good.stdout, /^0\.png {2}(ant|bee|cat|dog) [\d.]+%\n$/);
    assert.equal(good.code, 0);
    const json = await run("a b.onnx", "0.png", "none.png", "--jsonl");
    assert.equal(json.code, 2);
    const [first, second] = json.stdout.trim().split("\n").map((line) => JSON.parse(line));
    assert.equal(NAMES[first.label], first.class);
    assert.match(second.error, /none\.png/);
    const device = await run("a b.onnx", "0.png", "--device", "cpu");
    assert.match(
      device.stderr,
      /^--device: expected with the folder of a run, got it with a b\.onnx/,
    );
    assert.equal(device.code, 2);
    const order = await run("0.png", "a b.onnx");
    assert.equal(
      order.stderr,
      "qtrain predict: expected the file with the network before the images, got it after 0.png; write " +
        `${PROGRAM} predict 'a b.onnx' 0.png\n`,
    );
    const none = await run("a b.onnx");
    assert.match(none.stderr, /^qtrain predict: expected an image after a b\.onnx, got nothing/);
  }));
