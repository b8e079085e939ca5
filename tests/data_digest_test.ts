/**
 * Data that differs between ranks is told apart, and the difference named.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Dataset } from "../lib/data/dataset.ts";
import { type DataDigest, dataDigest, describeDifference } from "../lib/data/digest.ts";
import { memorySplit } from "../lib/data/in_memory.ts";
import { openDataset } from "../lib/data/open.ts";
import { dataRecipe, ramp, withFolder } from "./data_helpers.ts";
import { IMAGENET, plainPng } from "./support/image_folders.ts";

interface Made {
  readonly train?: number;
  readonly labels?: Uint8Array | Uint32Array;
  readonly change?: (images: Uint8Array) => void;
  readonly more?: Partial<Dataset>;
}

/** 1,200 training and 5 test images of 2×2×1, unless changed. */
function inMemory({ train = 1200, labels, change, more }: Made = {}): Dataset {
  const split = (count: number, labels = Uint8Array.from(ramp(count), (i) => i % 3)) => {
    const images = Uint8Array.from(ramp(4 * count));
    if (count > 5) change?.(images);
    return memorySplit({ images, labels: labels as Uint8Array<ArrayBuffer> });
  };
  return {
    name: "made",
    classes: 3,
    shape: [2, 2, 1],
    mean: [0.5],
    std: [0.5],
    train: split(train, labels as Uint8Array<ArrayBuffer>),
    test: split(5),
    ...more,
  };
}

/** The digest as another rank gets it. */
const sent = async (data: Dataset): Promise<DataDigest> =>
  JSON.parse(JSON.stringify(await dataDigest(data)));

const REMEDY = "; give all hosts the same data";

for (
  const [what, made, expected] of [
    ["fewer images", { train: 1199 }, "rank 2 has 1,199 training images, rank 0 has 1,200"],
    [
      "another shape",
      { more: { shape: [1, 4, 1] } },
      "rank 2 has images of 1×4×1, rank 0 of 2×2×1",
    ],
    ["more classes", { more: { classes: 4 } }, "rank 2 has data of 4 classes, rank 0 of 3"],
    [
      "names of classes",
      { more: { classNames: ["0", "cat", "2"] } },
      "class 1 is cat on rank 2 and 1 on rank 0",
    ],
    [
      "another label",
      { labels: Uint8Array.from(ramp(1200), (i, at) => at === 700 ? 2 - i % 3 : i % 3) },
      "the training images of rank 2 have other labels than rank 0's",
    ],
    [
      "one other pixel",
      { change: (images) => images[4001]! ^= 1 },
      "the training images of rank 2 have other pixels than rank 0's",
    ],
  ] as const satisfies readonly (readonly [string, Made, string])[]
) {
  Deno.test(`data in memory with ${what} is refused by name`, async () => {
    const first = await sent(inMemory()), other = await sent(inMemory(made));
    assert.equal(describeDifference(first, other, 2), `data: ${expected}${REMEDY}`);
  });
}

Deno.test("the same data in memory is the same, whatever the type of its labels", async () => {
  const labels = Uint32Array.from(ramp(1200), (i) => i % 3);
  assert.equal(
    describeDifference(await sent(inMemory()), await sent(inMemory({ labels })), 1),
    undefined,
  );
});

Deno.test("data that only its reader knows is compared by a sample of images", async () => {
  const hidden = (change?: Made["change"]) => {
    const data = inMemory(change ? { change } : {}), { count, labels, read } = data.train;
    return { ...data, train: { count, labels, read } };
  };
  const first = await sent(hidden());
  assert.equal(describeDifference(first, await sent(hidden()), 1), undefined);
  assert.match(
    describeDifference(first, await sent(hidden((images) => images.fill(9))), 1)!,
    /^data: the training images of rank 1 have other pixels/,
  );
});

/** How the folder of rank 3 differs from that of rank 0. */
async function folderDifference(files: Record<string, Uint8Array>): Promise<string | undefined> {
  const digest = async (root: string) =>
    await sent(await openDataset(dataRecipe({ format: "folder", root, size: 4 })));
  let difference: string | undefined;
  await withFolder(IMAGENET, async (first) => {
    await withFolder(files, async (other) => {
      const [a, b] = [await digest(first), await digest(other)];
      const text = describeDifference(a, b, 3);
      difference = text?.replace(`rank 3 reads ${other}, rank 0 ${first}: `, "(places) ");
    });
  });
  return difference;
}

Deno.test("folders differ by their images, names and contents, not by their place or times", async () => {
  assert.equal(await folderDifference({ ...IMAGENET }), undefined);
  const { "train/dog/1.png": dog, ...fewer } = IMAGENET;
  const remedy = "; (places) give all hosts the same data";
  assert.equal(
    await folderDifference(fewer),
    `data: rank 3 has 4 training images, rank 0 has 5${remedy}`,
  );
  assert.equal(
    await folderDifference({ ...fewer, "train/dog/3.png": dog! }),
    `data: the training images of rank 3 have other names than rank 0's${remedy}`,
  );
  const damaged = dog!.slice();
  damaged[damaged.length - 20]! ^= 1;
  assert.equal(
    await folderDifference({ ...IMAGENET, "train/dog/1.png": damaged }),
    `data: train/dog/1.png has other contents on rank 3 than on rank 0${remedy}`,
  );
  const longer = plainPng(2, 19, 15);
  assert.equal(
    await folderDifference({ ...IMAGENET, "train/dog/1.png": longer }),
    `data: train/dog/1.png has ${longer.length} bytes on rank 3 and ${
      dog!.length
    } on rank 0${remedy}`,
  );
});
