/** Training on a folder of images: a bad file stops it or is gone past, and a resume sees the same. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { withFolder } from "./data_helpers.ts";
import { PLAIN } from "./support/image_folders.ts";
import { inFolder, runOf, type RunOptions } from "./support/runs.ts";

const recipe = (root: string, onBadImage: "fail" | "skip"): RecipeInput => ({
  data: { format: "folder", root, size: 12, holdout: 0.25, on_bad_image: onBadImage },
  model: { name: "cnn", width: 4 },
  train: { batch: 8, epochs: 2, log_every: 1 },
});

const FILES = { ...PLAIN, "red/3.png": new TextEncoder().encode("a letter") };
const cpu = (out: string, more: RunOptions = {}): RunOptions => ({ device: "cpu", out, ...more });

Deno.test("a file that is no image stops training by default, and is named", () =>
  withFolder(FILES, (root) =>
    inFolder(async (out) => {
      await assert.rejects(runOf(recipe(root, "fail"), cpu(out)), (error: Error) => {
        assert.equal(error.name, "DataError");
        assert.ok(
          error.message.startsWith(`${join(root, "red/3.png")}: byte 0: expected a JPEG, PNG, `),
        );
        return true;
      });
    })));

Deno.test("with on_bad_image: skip, training goes on, and a resumed run ends with the same bytes", () =>
  withFolder(FILES, (root) =>
    inFolder(async (out) => {
      const whole = await runOf(recipe(root, "skip"), cpu(`${out}/whole`));
      assert.equal(whole.warnings.filter((line) => line.includes("red/3.png")).length, 1);
      await runOf(recipe(root, "skip"), cpu(`${out}/parts`, { stopAt: 1 }));
      await runOf(recipe(root, "skip"), cpu(`${out}/parts`, { resume: true }));
      const last = async (run: string) => {
        const [newest] = await (await RunFolder.open(`${out}/${run}`)).checkpoints();
        return await Deno.readFile(newest!.path);
      };
      assert.deepEqual(await last("parts"), await last("whole"));
    })));
