/**
 * TF.js on WebGPU: `tfjs.ts FILE plain` or `tfjs.ts FILE tuned`. Speaks the protocol of `serve.ts`.
 *
 * Tuned: its kernel for the gradient of a convolution's weights gives each weight one thread that sums
 * over all pixels. A product of matrices of columns (the nine taps of each pixel side by side) and dY
 * is the same sum, and so is the first convolution, whose one channel leaves its own kernel without wide
 * loads. 2,500 ms a step against 6,700 (llvmpipe).
 *
 * @module
 */
import { serve, type Trainer } from "./serve.ts";
import {
  BATCH,
  CLASSES,
  EPSILON,
  FOLLOW,
  MOMENTUM,
  RATE,
  readTraining,
  SIZE,
  STRIDES,
} from "./training.ts";

/** Kept out of `deno.lock` and of type checks: only this process downloads them. */
const PACKAGE = "npm:@tensorflow/tfjs", BACKEND = "npm:@tensorflow/tfjs-backend-webgpu";
const VERSION = "4.22.0";

// deno-lint-ignore no-explicit-any -- the package's types are its own
type Any = any;

async function prepare(file: string, tuned: boolean): Promise<Trainer> {
  const training = await readTraining(file);
  const tf: Any = await import(`${PACKAGE}@${VERSION}`);
  await import(`${BACKEND}@${VERSION}`);
  if (!await tf.setBackend("webgpu")) throw new Error("TF.js finds no WebGPU");
  await tf.ready();

  const load = (name: string, permutation?: number[]) => {
    const { shape, data } = training.weight(name), t = tf.tensor(data, [...shape]);
    return tf.variable(permutation ? tf.transpose(t, permutation) : t);
  };
  // Kernels [h, w, i, o], images [n, h, w, c].
  const blocks = STRIDES.map((stride, i) => ({
    stride,
    kernel: load(`conv${i + 1}.weight`, [2, 3, 1, 0]),
    gamma: load(`norm${i + 1}.weight`),
    beta: load(`norm${i + 1}.bias`),
    mean: tf.variable(tf.zeros(training.weight(`norm${i + 1}.bias`).shape), false),
    variance: tf.variable(tf.ones(training.weight(`norm${i + 1}.bias`).shape), false),
  }));
  const weight = load("linear.weight", [1, 0]), bias = load("linear.bias");
  const follow = (running: Any, seen: Any) =>
    running.assign(running.mul(1 - FOLLOW).add(seen.mul(FOLLOW)));

  /** [n, h, w, c] → [n·h·w / stride², 9·c]: what a 3×3 kernel sees at each of its places. */
  const columns = (x: Any, stride: number) => {
    const [n, h, w, c] = x.shape, padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]);
    const taps = Array.from({ length: 9 }, (_, tap) => {
      const i = Math.floor(tap / 3), j = tap % 3;
      if (stride === 1) return tf.slice(padded, [0, i, j, 0], [n, h, w, c]);
      return tf.stridedSlice(padded, [0, i, j, 0], [n, i + h, j + w, c], [1, stride, stride, 1]);
    });
    return tf.concat(taps, 3).reshape([-1, 9 * c]);
  };
  const flat = (t: Any) => t.reshape([-1, t.shape.at(-1)]);
  const byMatMul = (x: Any, kernel: Any) => {
    const [n, h, w] = x.shape;
    return tf.matMul(columns(x, 1), flat(kernel)).reshape([n, h, w, kernel.shape[3]]);
  };
  /** Its gradient of the weights is a product of matrices; that of the input is the package's own. */
  const halfByMatMul = (x: Any, kernel: Any, stride: number) =>
    tf.customGrad((x: Any, kernel: Any, save: (saved: Any[]) => void) => {
      save([x, kernel]);
      const gradFunc = (dy: Any, [x, kernel]: Any[]) => [
        tf.conv2dTranspose(dy, kernel, x.shape, stride, 1),
        tf.matMul(columns(x, stride), flat(dy), true).reshape(kernel.shape),
      ];
      return { value: tf.conv2d(x, kernel, stride, 1), gradFunc };
    })(x, kernel);
  const convolve = (x: Any, kernel: Any, stride: number) => {
    // A pad of 1, as PyTorch has it: "same" pads a stride of 2 on one side alone.
    if (!tuned) return tf.conv2d(x, kernel, stride, 1);
    return x.shape[3] === 1 ? byMatMul(x, kernel) : halfByMatMul(x, kernel, stride);
  };

  const lossOf = (images: Any, labels: Any) => {
    let x = images;
    for (const { stride, kernel, gamma, beta, ...running } of blocks) {
      const y = convolve(x, kernel, stride);
      const { mean, variance } = tf.moments(y, [0, 1, 2]);
      x = tf.relu(tf.batchNorm(y, mean, variance, beta, gamma, EPSILON));
      follow(running.mean, mean);
      follow(running.variance, variance);
    }
    const logits = tf.mean(x, [1, 2]).matMul(weight).add(bias);
    return tf.losses.softmaxCrossEntropy(tf.oneHot(labels, CLASSES), logits);
  };

  const optimizer = tf.train.momentum(RATE, MOMENTUM);
  let loss: Any, count = 0;
  return {
    version: VERSION,
    step() {
      const { images, labels } = training.batch(count++);
      loss?.dispose();
      const x = tf.tensor(images, [BATCH, SIZE, SIZE, 1]), y = tf.tensor1d(labels, "int32");
      loss = optimizer.minimize(() => lossOf(x, y), true);
      tf.dispose([x, y]);
    },
    loss: async () => (await loss.data())[0],
  };
}

await serve(() => prepare(Deno.args[0]!, Deno.args[1] === "tuned"));
