import assert from "node:assert/strict";
import { Augmenter } from "../lib/data/augment/augmenter.ts";
import { crop, shifted } from "../lib/data/augment/crop.ts";
import { cutout } from "../lib/data/augment/cutout.ts";
import { AugmentRng } from "../lib/data/augment/augment_rng.ts";
import { flip, mirror } from "../lib/data/augment/flip.ts";
import type { Image } from "../lib/data/dataset.ts";
import { colorJitter, recolour } from "../lib/data/augment/color_jitter.ts";
import { drawWeight, mixup } from "../lib/data/augment/mixup.ts";
import { resample } from "../lib/data/augment/resample.ts";
import { drawBox, resizedCrop } from "../lib/data/augment/resized_crop.ts";
import { draw } from "../lib/data/counter_rng.ts";
import type { AugmentSpec } from "../lib/recipe/augment.ts";

const SHAPES = [[1, 1, 1], [5, 7, 1], [4, 4, 2], [6, 5, 3], [3, 8, 4]] as const;
const format = (shape: readonly [number, number, number]) => ({ shape, mean: [0.5] });

/** An image of noise. */
function noise([h, w, c]: readonly [number, number, number], seed = 1): Image {
  const data = Uint8Array.from({ length: h * w * c }, (_, i) => draw(seed, i) >>> 24);
  return { data, h, w, c };
}

/** A grey image of these rows. */
function grey(...rows: number[][]): Image {
  return { data: Uint8Array.from(rows.flat()), h: rows.length, w: rows[0]!.length, c: 1 };
}

Deno.test("draws follow from seed, epoch, image and place, each of them", () => {
  const first = (...words: [number, number, number, number]) => AugmentRng.ofImage(...words).unit();
  const given = first(1, 2, 3, 4);
  assert.equal(first(1, 2, 3, 4), given);
  const others = [first(2, 2, 3, 4), first(1, 1, 3, 4), first(1, 2, 4, 4), first(1, 2, 3, 0)];
  assert.ok(!others.includes(given));
  assert.equal(new Set(others).size, 4);
});

Deno.test("flip mirrors columns, and twice is nothing", () => {
  const image = grey([1, 2, 3], [4, 5, 6]);
  mirror(image);
  assert.deepEqual([...image.data], [3, 2, 1, 6, 5, 4]);
  for (const shape of SHAPES) {
    const twice = noise(shape);
    mirror(twice);
    mirror(twice);
    assert.deepEqual(twice, noise(shape));
  }
  const colours = { data: Uint8Array.of(1, 2, 3, 4, 5, 6), h: 1, w: 2, c: 3 };
  mirror(colours);
  assert.deepEqual([...colours.data], [4, 5, 6, 1, 2, 3]);
});

Deno.test("flip touches its share of images", () => {
  const flipped = (share: number) => {
    let count = 0;
    for (let index = 0; index < 4000; index++) {
      const image = flip.image({ probability: share })(
        grey([0, 1]),
        AugmentRng.ofImage(1, 0, index, 0),
      );
      count += image.data[0]!;
    }
    return count / 4000;
  };
  assert.equal(flipped(0), 0);
  assert.equal(flipped(1), 1);
  assert.ok(Math.abs(flipped(0.5) - 0.5) < 0.03);
});

Deno.test("a crop is a window of the image with black around it", () => {
  const image = grey([1, 2, 3], [4, 5, 6], [7, 8, 9]);
  const moved = (down: number, right: number) => [...shifted(image, down, right).data];
  assert.deepEqual(moved(0, 0), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(moved(1, 1), [5, 6, 0, 8, 9, 0, 0, 0, 0]);
  assert.deepEqual(moved(-1, 2), [0, 0, 0, 3, 0, 0, 6, 0, 0]);
  assert.deepEqual(moved(0, -2), [0, 0, 1, 0, 0, 4, 0, 0, 7]);
  assert.deepEqual(moved(3, 0), Array(9).fill(0));
  assert.deepEqual(moved(0, -5), Array(9).fill(0));
  for (const shape of SHAPES) {
    const [h, w, c] = shape, image = noise(shape);
    for (const [down, right] of [[1, -1], [-2, 3], [0, 1]] as const) {
      const { data } = shifted(image, down, right);
      data.forEach((value, at) => {
        const y = Math.floor(at / (w * c)) + down, x = Math.floor(at / c) % w + right;
        const inside = y >= 0 && y < h && x >= 0 && x < w;
        assert.equal(value, inside ? image.data[(y * w + x) * c + at % c] : 0);
      });
    }
  }
});

Deno.test("every window of a crop is drawn, about as often, and none without padding", () => {
  const counts = new Map<string, number>();
  for (let index = 0; index < 9000; index++) {
    const image = grey([0, 0, 0], [0, 1, 0], [0, 0, 0]);
    const at = crop.image({ padding: 1 })(image, AugmentRng.ofImage(1, 0, index, 0)).data.join("");
    counts.set(at, (counts.get(at) ?? 0) + 1);
  }
  assert.equal(counts.size, 9);
  for (const count of counts.values()) assert.ok(Math.abs(count - 1000) < 150, `${count}`);
  const image = noise([5, 7, 3]);
  assert.equal(crop.image({ padding: 0 })(image, new AugmentRng(1)), image);
});

Deno.test("cutout fills a square with the mean colour, cut off at the border", () => {
  const colour = [26, 128, 255];
  const cut = cutout.image({ size: 4 }, { shape: [9, 8, 3], mean: [0.1, 0.5, 1.2] });
  const sizes = new Set<number>();
  for (let index = 0; index < 300; index++) {
    const image = { data: new Uint8Array(9 * 8 * 3).fill(7), h: 9, w: 8, c: 3 };
    cut(image, AugmentRng.ofImage(1, 0, index, 0));
    const filled = Array.from(
      { length: 72 },
      (_, at) => [...image.data.subarray(3 * at, 3 * at + 3)],
    )
      .map((pixel) => pixel.join() === colour.join());
    const rows = new Set<number>(), columns = new Set<number>();
    filled.forEach((is, at) => is && rows.add(Math.floor(at / 8)) && columns.add(at % 8));
    const count = filled.filter(Boolean).length;
    assert.equal(count, rows.size * columns.size, "a rectangle");
    assert.ok(rows.size <= 4 && columns.size <= 4);
    sizes.add(count);
  }
  assert.ok(sizes.has(16) && sizes.has(4));
  const image = noise([4, 4, 1]);
  cutout.image({ size: 0 }, format([4, 4, 1]))(image, new AugmentRng(1));
  assert.deepEqual(image, noise([4, 4, 1]));
});

Deno.test("scaling to the same size is nothing, and averages where it shrinks", () => {
  for (const shape of SHAPES) {
    const [h, w] = shape, image = noise(shape);
    assert.deepEqual(resample(image, { top: 0, left: 0, h, w }, h, w), image);
  }
  const part = resample(grey([1, 2, 3], [4, 5, 6]), { top: 1, left: 1, h: 1, w: 2 }, 1, 2);
  assert.deepEqual([...part.data], [5, 6]);
  // Twice as wide: a quarter of the neighbour; half as wide: weights 1, 3, 3, 1.
  const wide = resample(grey([0, 100]), { top: 0, left: 0, h: 1, w: 2 }, 1, 4);
  assert.deepEqual([...wide.data], [0, 25, 75, 100]);
  const narrow = resample(grey([80, 80, 0, 0, 0, 0]), { top: 0, left: 0, h: 1, w: 6 }, 1, 3);
  assert.deepEqual([...narrow.data], [69, 10, 0]);
  const flat = { data: new Uint8Array(640 * 480).fill(200), h: 480, w: 640, c: 1 };
  const small = resample(flat, { top: 3, left: 5, h: 470, w: 601 }, 7, 9);
  assert.ok(small.data.every((value) => value === 200));
});

Deno.test("a resized crop lies in the image, and has the area and proportions asked for", () => {
  const spec = { scale: [0.2, 0.6], ratio: [0.5, 2] } as const;
  let least = 1, most = 0;
  for (let index = 0; index < 500; index++) {
    const box = drawBox(60, 100, spec, AugmentRng.ofImage(1, 0, index, 0));
    assert.ok(box.top >= 0 && box.left >= 0 && box.top + box.h <= 60 && box.left + box.w <= 100);
    const area = box.h * box.w / 6000, ratio = box.w / box.h;
    assert.ok(area > 0.19 && area < 0.62, `${area}`);
    assert.ok(ratio > 0.48 && ratio < 2.1, `${ratio}`);
    least = Math.min(least, area);
    most = Math.max(most, area);
  }
  assert.ok(least < 0.22 && most > 0.57);
  const all = { scale: [1, 1], ratio: [1, 1] } as const;
  assert.deepEqual(drawBox(10, 40, all, new AugmentRng(1)), { top: 0, left: 15, h: 10, w: 10 });
  assert.deepEqual(drawBox(40, 1, all, new AugmentRng(1)), { top: 19, left: 0, h: 1, w: 1 });
  const image = noise([6, 6, 3]);
  assert.deepEqual(resizedCrop.image(all, format([6, 6, 3]))(image, new AugmentRng(1)), image);
  for (const shape of SHAPES) {
    const scaled = resizedCrop.image(
      { scale: [0.08, 1], ratio: [0.75, 1.3333] },
      format([5, 4, shape[2]]),
    );
    const { data, h, w, c } = scaled(noise(shape), new AugmentRng(3));
    assert.deepEqual([data.length, h, w, c], [20 * shape[2], 5, 4, shape[2]]);
  }
});

Deno.test("colours change as their names say", () => {
  const changed = (change: Parameters<typeof recolour>[1], ...data: number[]) => {
    const image = { data: Uint8Array.from(data), h: 1, w: data.length / 3, c: 3 };
    recolour(image, change);
    return [...image.data];
  };
  assert.deepEqual(changed([["brightness", 1.5]], 10, 100, 200), [15, 150, 255]);
  assert.deepEqual(changed([["brightness", 0]], 10, 100, 200), [0, 0, 0]);
  assert.deepEqual(changed([["contrast", 0]], 0, 0, 0, 100, 100, 100), Array(6).fill(50));
  assert.deepEqual(changed([["contrast", 2]], 40, 40, 40, 60, 60, 60), [30, 30, 30, 70, 70, 70]);
  assert.deepEqual(changed([["saturation", 0]], 100, 0, 0), [30, 30, 30]);
  assert.deepEqual(changed([["saturation", 2]], 50, 50, 50), [50, 50, 50]);
  assert.deepEqual(changed([["hue", 1 / 3]], 200, 50, 20), [20, 200, 50]);
  assert.deepEqual(changed([["hue", -1 / 3]], 200, 50, 20), [50, 20, 200]);
  assert.deepEqual(changed([["hue", 0.5]], 255, 0, 0), [0, 255, 255]);
  assert.deepEqual(changed([["hue", 0.25]], 9, 9, 9), [9, 9, 9]);
});

Deno.test("jitter without strength is nothing; one channel has neither saturation nor hue", () => {
  const none = { brightness: 0, contrast: 0, saturation: 0, hue: 0 };
  for (const shape of SHAPES) {
    assert.deepEqual(colorJitter.image(none)(noise(shape), new AugmentRng(1)), noise(shape));
    const unit = noise(shape);
    recolour(unit, [["contrast", 1], ["saturation", 1], ["brightness", 1], ["hue", 0]]);
    assert.deepEqual(unit, noise(shape));
  }
  const grey = colorJitter.image({ ...none, saturation: 1, hue: 0.5 })(
    noise([5, 5, 1]),
    new AugmentRng(1),
  );
  assert.deepEqual(grey, noise([5, 5, 1]));
});

Deno.test("jitter leaves a fourth channel alone", () => {
  const image = noise([4, 4, 4]), before = noise([4, 4, 4]);
  colorJitter.image({ brightness: 1, contrast: 1, saturation: 1, hue: 0.5 })(
    image,
    new AugmentRng(5),
  );
  assert.notDeepEqual(image, before);
  image.data.forEach((value, at) => at % 4 === 3 && assert.equal(value, before.data[at]));
});

Deno.test("weights of mixup follow Beta(alpha, alpha)", () => {
  for (const alpha of [0.2, 1, 3]) {
    const drawn = Array.from(
      { length: 5000 },
      (_, index) => drawWeight(alpha, AugmentRng.ofImage(1, 0, index, 0)),
    );
    const mean = drawn.reduce((sum, w) => sum + w) / 5000;
    const variance = drawn.reduce((sum, w) => sum + (w - mean) ** 2, 0) / 5000;
    assert.ok(drawn.every((w) => w >= 0 && w <= 1));
    assert.ok(Math.abs(mean - 0.5) < 0.025, `${mean}`);
    assert.ok(Math.abs(variance - 1 / (4 * (2 * alpha + 1))) < 0.01, `${alpha}: ${variance}`);
  }
  assert.ok([0, 1].includes(drawWeight(1e-9, new AugmentRng(1))));
});

Deno.test("mixup weighs each image with the next, and the last with the first", () => {
  const images = Uint8Array.of(0, 10, 100, 200, 255, 50), before = images.slice();
  const { others, weights } = mixup.batch({ alpha: 1 })(
    images,
    Uint32Array.of(4, 5, 6),
    (position) => new AugmentRng(position),
  );
  assert.deepEqual([...others], [5, 6, 4]);
  images.forEach((value, at) => {
    const weight = weights[at >> 1]!, other = before[(at + 2) % 6]!;
    assert.equal(value, Math.round(weight * before[at]! + (1 - weight) * other));
  });
  assert.equal(new Set(weights).size, 3);
});

const LIST: readonly AugmentSpec[] = [
  { resized_crop: { scale: [0.3, 1], ratio: [0.75, 1.3333] } },
  { flip: { probability: 0.5 } },
  { crop: { padding: 2 } },
  { color_jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 } },
  { mixup: { alpha: 0.5 } },
  { cutout: { size: 3 } },
];

Deno.test("an image of an epoch comes out the same in any batch; in another epoch, otherwise", () => {
  const list = LIST.filter((spec) => !("mixup" in spec)), shape = [8, 8, 3] as const;
  const augment = (indices: number[], epoch: number, seed = 1) => {
    const augmenter = new Augmenter({ ...format(shape), augment: list, seed });
    const images = new Uint8Array(indices.length * 192);
    indices.forEach((index, at) => {
      images.set(augmenter.image(noise(shape, index), index, epoch).data, at * 192);
    });
    augmenter.batch(images, new Uint32Array(indices.length), Uint32Array.from(indices), epoch);
    return indices.map((_, at) => images.slice(at * 192, (at + 1) * 192));
  };
  const [a, b] = augment([3, 9], 0);
  assert.deepEqual(augment([9, 4, 3], 0), [b, augment([4], 0)[0], a]);
  assert.notDeepEqual(augment([3], 1)[0], a);
  assert.notDeepEqual(augment([3], 0, 2)[0], a);
});

Deno.test("a list is applied in its order, and mixup says what it mixed", () => {
  const shape = [8, 8, 3] as const, indices = Uint32Array.of(5, 1, 8);
  const run = (augment: readonly AugmentSpec[]) => {
    const augmenter = new Augmenter({ ...format(shape), augment, seed: 1 });
    const images = new Uint8Array(3 * 192);
    indices.forEach((index, at) => {
      images.set(augmenter.image(noise(shape, index), index, 0).data, at * 192);
    });
    return { images, mixed: augmenter.batch(images, Uint32Array.of(0, 1, 2), indices, 0) };
  };
  const { images, mixed } = run(LIST);
  assert.deepEqual([...mixed!.others], [1, 2, 0]);
  assert.deepEqual(run(LIST), { images, mixed });
  assert.notDeepEqual(run(LIST.toReversed()).images, images);
  assert.equal(run(LIST.slice(0, 4)).mixed, undefined);
  const hole = (list: readonly AugmentSpec[]) => {
    let most = 0;
    const { images } = run(list);
    for (let at = 0; at < 192; at += 3) {
      if (images.subarray(at, at + 3).every((value) => value === 128)) most++;
    }
    return most;
  };
  assert.ok(hole(LIST) >= 4, "cutout after mixup is not mixed over");
});
