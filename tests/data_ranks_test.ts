/**
 * Training on ranks that each read their share from a folder of their own.
 *
 * @module
 */
import { inFolder, newestCheckpoint } from "./support/runs.ts";
import assert from "node:assert/strict";
import { localRanks } from "../lib/distributed/local_ranks.ts";
import type { Ranks } from "../lib/distributed/ranks.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { UNRESTRICTED } from "../lib/recipe/path_scope.ts";
import { cpuDevice } from "../lib/runtime/device.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { train } from "../lib/train/train.ts";
import { withFolder } from "./data_helpers.ts";
import { plainPng } from "./support/image_folders.ts";

/** Photos of several sizes, of which one is none. */
const FILES: Readonly<Record<string, Uint8Array>> = Object.fromEntries([
  ...["red", "blue"].flatMap((name, label) =>
    Array.from(
      { length: 14 },
      (_, i) => [`${name}/${i}.png`, plainPng(label * 9 + i, 12 + 3 * i, 30 - i)] as const,
    )
  ),
  ["red/5.png", new TextEncoder().encode("a letter")],
]);

const recipe = (root: string): RecipeInput => ({
  data: {
    format: "folder",
    root,
    size: 12,
    holdout: 0.25,
    on_bad_image: "skip",
    augment: [{ resized_crop: { scale: [0.3, 1], ratio: [0.75, 1.3] } }, { mixup: { alpha: 0.4 } }],
  },
  model: { name: "cnn", width: 4 },
  train: { batch: 8, micro_batch: 2, epochs: 2 },
});

/** Trains on the data in `root`. @returns the warnings */
async function trained(
  root: string,
  out: string | undefined,
  distributed?: Ranks,
): Promise<string[]> {
  const warnings: string[] = [];
  const events = train({ ...recipe(root), pathScope: UNRESTRICTED }, {
    opened: cpuDevice({ threads: 1 }),
    warn: (text) => void warnings.push(text),
    ...(out ? { folder: await RunFolder.create({ out, name: "run", resume: false }) } : {}),
    ...(distributed ? { distributed } : {}),
  });
  for await (const _ of events);
  return warnings;
}

Deno.test("ranks that read shares of photos from folders of their own end with the bytes of one machine", () =>
  withFolder(FILES, (here) =>
    withFolder(FILES, (there) =>
      inFolder(async (out) => {
        await trained(here, `${out}-alone`);
        const [warnings] = await Promise.all(
          localRanks(2).map((ranks) =>
            trained([here, there][ranks.rank]!, ranks.rank ? undefined : out, ranks)
          ),
        );
        assert.deepEqual(await newestCheckpoint(out), await newestCheckpoint(`${out}-alone`));
        const evaluation = (folder: string) => Deno.readTextFile(`${folder}/evaluation.json`);
        assert.equal(await evaluation(out), await evaluation(`${out}-alone`));
        assert.ok(warnings!.some((text) => text.includes("5.png")), warnings!.join("\n"));
      }))));

Deno.test("a folder with another image is refused before the first step, on all ranks, by name", () =>
  withFolder(FILES, (here) => {
    const { "blue/3.png": _, ...fewer } = FILES;
    return withFolder(fewer, (there) =>
      inFolder(async (out) => {
        const ended = await Promise.allSettled(
          localRanks(2).map((ranks) =>
            trained([here, there][ranks.rank]!, ranks.rank ? undefined : out, ranks)
          ),
        );
        for (const { reason } of ended as PromiseRejectedResult[]) {
          assert.equal(reason.name, "DataError");
          assert.equal(
            reason.message,
            `data: rank 1 has 7 test images, rank 0 has 8; rank 1 reads ${there}, ` +
              `rank 0 ${here}: give all hosts the same data`,
          );
        }
      }));
  }));
