/**
 * TF.js on WebGPU, WASM or in plain JavaScript: `tfjs.ts FILE THREADS wasm|cpu|webgpu plain|tuned`. Uses
 * the protocol of `serve.ts`.
 *
 * Tuned: the package's kernel for the weight gradient of a convolution has one thread for each weight,
 * which sums over all pixels. A product of the matrix of columns (the nine taps of each pixel) and dY
 * is the same sum. So is the first convolution, as its one channel keeps the package's kernel from wide
 * loads. 2,500 ms a step against 6,700 (llvmpipe). On WASM only the tuned form trains: the package has
 * no kernel there for the weight gradient.
 *
 * @module
 */
import { gpuDevice, serve, type Trainer } from "./serve.ts";
import {
  BATCH,
  CLASSES,
  EPSILON,
  MOMENTUM,
  NORM_MOMENTUM,
  RATE,
  readTraining,
  SIZE,
  STRIDES,
  type Training,
} from "./training.ts";

/** Not in `deno.lock` and not type-checked, so that only this process downloads them. */
const PACKAGE = "npm:@tensorflow/tfjs", BACKENDS = "npm:@tensorflow/tfjs-backend-";
const VERSION = "4.22.0";

// deno-lint-ignore no-explicit-any -- the package's types are its own
type Any = any;

/** A convolution by the package's kernels where they are fast, and by `matMul` where they are not. */
function tunedConvolution(tf: Any) {
  /** [n, h, w, c] → [n·h·w / stride², 9·c]: the input of a 3×3 kernel at each of its positions. */
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
  /** The weight gradient is a product of matrices; the input gradient is the package's own. */
  const halfByMatMul = (x: Any, kernel: Any, stride: number) =>
    tf.customGrad((x: Any, kernel: Any, save: (saved: Any[]) => void) => {
      save([x, kernel]);
      const gradFunc = (dy: Any, [x, kernel]: Any[]) => [
        tf.conv2dTranspose(dy, kernel, x.shape, stride, 1),
        tf.matMul(columns(x, stride), flat(dy), true).reshape(kernel.shape),
      ];
      return { value: tf.conv2d(x, kernel, stride, 1), gradFunc };
    })(x, kernel);
  return (x: Any, kernel: Any, stride: number) =>
    x.shape[3] === 1 ? byMatMul(x, kernel) : halfByMatMul(x, kernel, stride);
}

/** Gives the loss of a batch as a function. */
function lossFunction(tf: Any, training: Training, tuned: boolean) {
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
  const average = (running: Any, value: Any) =>
    running.assign(running.mul(1 - NORM_MOMENTUM).add(value.mul(NORM_MOMENTUM)));
  const convolve = tuned
    ? tunedConvolution(tf)
    // A pad of 1, as in PyTorch: "same" pads a stride of 2 on one side only.
    : (x: Any, kernel: Any, stride: number) => tf.conv2d(x, kernel, stride, 1);
  return (images: Any, labels: Any) => {
    let x = images;
    for (const { stride, kernel, gamma, beta, ...running } of blocks) {
      const y = convolve(x, kernel, stride);
      const { mean, variance } = tf.moments(y, [0, 1, 2]);
      x = tf.relu(tf.batchNorm(y, mean, variance, beta, gamma, EPSILON));
      average(running.mean, mean);
      average(running.variance, variance);
    }
    const logits = tf.mean(x, [1, 2]).matMul(weight).add(bias);
    return tf.losses.softmaxCrossEntropy(tf.oneHot(labels, CLASSES), logits);
  };
}

type Backend = "wasm" | "cpu" | "webgpu";

/** Starts a backend. Returns what it computes on. */
async function start(tf: Any, backend: Backend, threads: number) {
  // The backend of the CPU is in the package itself.
  const added: Any = backend === "cpu" ? null : await import(`${BACKENDS}${backend}@${VERSION}`);
  if (backend === "wasm") added.setThreadsCount(threads);
  if (!await tf.setBackend(backend)) throw new Error(`TF.js cannot start its backend ${backend}`);
  await tf.ready();
  if (backend === "webgpu") return await gpuDevice(threads);
  if (backend === "cpu") {
    return { device: "JavaScript on the CPU, which has no threads", threads: 1 };
  }
  // It takes Deno for Node, where it starts no threads: github.com/tensorflow/tfjs/issues/3830.
  const [simd, threaded] = await Promise.all(
    ["SIMD", "MULTITHREAD"].map((what) => tf.env().getAsync(`WASM_HAS_${what}_SUPPORT`)),
  );
  const device = `WASM${simd ? " SIMD" : ""} on the CPU`;
  return {
    device: threaded ? device : `${device}, which has threads in browsers only`,
    threads: added.getThreadsCount() as number,
  };
}

async function prepare(
  file: string,
  threads: number,
  backend: Backend,
  tuned: boolean,
): Promise<Trainer> {
  const training = await readTraining(file);
  const tf: Any = await import(`${PACKAGE}@${VERSION}`);
  const computesOn = await start(tf, backend, threads);
  const lossOf = lossFunction(tf, training, tuned);
  const optimizer = tf.train.momentum(RATE, MOMENTUM);
  let loss: Any, count = 0;
  return {
    version: VERSION,
    ...computesOn,
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

const [file, threads, backend, variant] = Deno.args;
await serve(() => prepare(file!, Number(threads), backend as Backend, variant === "tuned"));
