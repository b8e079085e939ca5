/** `qtrain export`: files for other programs, what is said of them, and what they may replace. */
import assert from "node:assert/strict";
import { inFolder, qtrain } from "./support/command.ts";
import { photo, pngOf } from "./support/photos.ts";

const RECIPE = `
data: { format: glyphs, size: 12, train: 320, test: 100 }
model: { name: cnn, width: 4 }
train: { epochs: 2, batch: 16, optimizer: { lr: 0.05 } }
`;

const CPU = ["--device", "cpu"];

Deno.test("qtrain export writes files, tells of them, and predict answers from them", async (t) => {
  await inFolder({
    "r.yaml": RECIPE,
    "notes.md": "My notes\n",
    "0.png": pngOf(photo("bar", 1, 31), [31, 31, 3]),
  }, async (cwd) => {
    const run = (...args: string[]) => qtrain(args, { cwd });
    const exportTo = (out: string, ...more: string[]) =>
      run("export", "runs/r", "--out", out, "--max-drop", "20", ...CPU, ...more);
    assert.equal((await run("r.yaml", "--quiet", ...CPU)).code, 0);

    for (const [file, kind] of [["a.onnx", "ONNX for ONNX Runtime"], ["a.tflite", "TFLite"]]) {
      await t.step(
        `${file}, its description, its card, and what predict says of an image`,
        async () => {
          const { stdout, stderr, code } = await exportTo(file!);
          assert.equal(code, 0, stderr);
          const [first, accuracy, described, tryIt] = stdout.trimEnd().split("\n");
          assert.match(
            first!,
            new RegExp(`^${file}: ${kind}, int8, [\\d.]+ KiB$`),
          );
          assert.match(
            accuracy!,
            /^test accuracy of the run [\d.]+%, of the file [\d.]+% \(100 images, \d+ answers? differs?\)$/,
          );
          assert.equal(described, `described in ${file}.json and ${file}.md`);
          assert.match(tryIt!, new RegExp(`^try it: .* predict ${file} IMAGE$`));
          const description = JSON.parse(await Deno.readTextFile(`${cwd}/${file}.json`));
          assert.equal(description.file, file);
          assert.equal(description.bytes, (await Deno.stat(`${cwd}/${file}`)).size);
          assert.equal(description.accuracy.test_images, 100);
          assert.match(await Deno.readTextFile(`${cwd}/${file}.md`), new RegExp(`^# \`${file}\``));
          const answer = await run("predict", file!, "0.png");
          assert.match(answer.stdout, /^0\.png {2}\S+ [\d.]+%\n$/, answer.stderr);
        },
      );
    }

    await t.step("--json tells the same for a program, and the file is written over", async () => {
      const { stdout } = await exportTo("a.onnx", "--json", "--check", "40", "--float32");
      const { file, arithmetic, target, float32_bytes, check } = JSON.parse(stdout);
      assert.deepEqual([file, arithmetic, target], ["a.onnx", "float32", "ort"]);
      assert.equal(check.images, 40);
      assert.ok(float32_bytes > 1000 && float32_bytes % 4 === 0);
      assert.equal(typeof check.run_accuracy, "number");
    });

    await t.step("a file that is not checked says so", async () => {
      const { stdout } = await exportTo("b.onnx", "--check", "0", "--target", "web");
      assert.match(
        stdout,
        /^b\.onnx: ONNX for ONNX Runtime web, int8, .*\nnot checked with test images\n/,
      );
      assert.match(await Deno.readTextFile(`${cwd}/b.onnx.md`), /was not compared with the run/);
    });

    await t.step("other files and folders are not replaced", async () => {
      await Deno.rename(`${cwd}/notes.md`, `${cwd}/c.onnx.md`);
      await Deno.copyFile(`${cwd}/0.png`, `${cwd}/d.tflite`);
      await Deno.writeTextFile(`${cwd}/e.onnx.json`, "{}");
      await Deno.mkdir(`${cwd}/f.onnx`);
      for (
        const [out, other] of [["c.onnx", "c.onnx.md"], ["d.tflite", "d.tflite"], [
          "e.onnx",
          "e.onnx.json",
        ]]
      ) {
        const { stderr, code } = await exportTo(out!);
        assert.equal(code, 2);
        assert.equal(
          stderr,
          "--out: expected a new name or an earlier export to replace, got another file at " +
            `${other}; choose another --out\n`,
        );
      }
      const folder = await exportTo("f.onnx");
      assert.match(
        folder.stderr,
        /^--out: expected a new name or an earlier export to replace, got a folder at f\.onnx;/,
      );
      const nowhere = await exportTo("none/a.onnx");
      assert.match(
        nowhere.stderr,
        /^--out: expected a folder that exists, found none at none; make it with mkdir -p none$/m,
      );
      const names = await Array.fromAsync(Deno.readDir(cwd), ({ name }) => name);
      assert.ok(
        !names.some((name) => /unchecked|^[c-f]\.(onnx|tflite)\.(json|md)\.part/.test(name)),
        `${names}`,
      );
    });
  });
});
