/**
 * Memory over many steps: what the process has resident, and what lies in buffers of the GPU.
 *
 * @module
 */
import assert from "node:assert/strict";
import { RunFolder } from "../../lib/train/run_folder/run_folder.ts";
import { train } from "../../lib/train/train.ts";
import { inFolder } from "../support/command.ts";

/**
 * Steps between two looks, and the share of them before the first that counts: the runtime's heap takes
 * room in steps of some MiB until then, the last of them between step 5,000 and 6,000 of ten thousand.
 */
const EVERY = 100, WARM = 0.6;
/** Bytes that resident memory may grow by over ten thousand steps. */
const MOST = 32 * 2 ** 20;

/** Trains `steps` steps, with augmentation, evaluations and checkpoints, and prints slopes. */
export async function soakSteps(device: "cpu" | "gpu", steps: number): Promise<void> {
  const buffers = countBuffers(), looks: { step: number; rss: number; buffers: number }[] = [];
  await inFolder({}, async (cwd) => {
    const folder = await RunFolder.create({ out: `${cwd}/run`, name: "soak", resume: false });
    const recipe = {
      data: {
        format: "glyphs",
        size: 12,
        train: 1600,
        test: 64,
        augment: [{ crop: { padding: 1 } }],
      },
      model: { name: "cnn", width: 4 },
      quantize: { scheduler: "device" },
      train: { epochs: Math.ceil(steps / 100), batch: 16, ema: 0.99, checkpoint_minutes: 0.05 },
    } as const;
    for await (const event of train(recipe, { device, folder })) {
      if (event.type !== "step" || event.step % EVERY !== 0) continue;
      const { rss } = Deno.memoryUsage();
      looks.push({ step: event.step, rss, buffers: buffers.live() });
      if (event.step % (10 * EVERY) === 0) {
        console.error(`step ${event.step}: ${mib(rss)} resident, ${buffers.live()} buffers`);
      }
    }
  });
  const warm = looks.filter(({ step }) => step >= WARM * steps);
  const slope = slopeOf(warm.map(({ step, rss }) => [step, rss]));
  const counts = warm.map((look) => look.buffers), most = Math.max(...counts);
  console.log(
    `${device}: over ${steps} steps resident memory changed by ${slope.toFixed(0)} bytes a step ` +
      `(${mib(warm[0]!.rss)} after step ${warm[0]!.step}, ${mib(warm.at(-1)!.rss)} at the end), ` +
      `and there were ${Math.min(...counts)} to ${most} buffers`,
  );
  assert.ok(slope * 10_000 < MOST, "resident memory is flat");
  assert.equal(most, counts[0], "no buffer is added");
}

/** How many buffers of the GPU there are: made and not destroyed. */
function countBuffers(): { live(): number } {
  let live = 0;
  const { createBuffer } = GPUDevice.prototype, { destroy } = GPUBuffer.prototype;
  const destroyed = new WeakSet<GPUBuffer>();
  GPUDevice.prototype.createBuffer = function (descriptor) {
    live++;
    return createBuffer.call(this, descriptor);
  };
  GPUBuffer.prototype.destroy = function () {
    if (!destroyed.has(this)) live--;
    destroyed.add(this);
    return destroy.call(this);
  };
  return { live: () => live };
}

/** The slope of the line through points that has the least squares. */
function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (i: 0 | 1) => points.reduce((sum, p) => sum + p[i], 0) / points.length;
  const x = mean(0), y = mean(1);
  const above = points.reduce((sum, p) => sum + (p[0] - x) * (p[1] - y), 0);
  return above / points.reduce((sum, p) => sum + (p[0] - x) ** 2, 0);
}

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
