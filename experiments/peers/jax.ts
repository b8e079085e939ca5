/**
 * jax-js on WebGPU or WASM, the whole step jitted: `jax.ts FILE THREADS wasm|webgpu plain|tuned`. Uses
 * the protocol of `serve.ts`.
 *
 * Tuned: for the input gradient of a strided convolution, jax-js convolves dY with zeros between its
 * pixels, which is four times the necessary work. So a convolution of stride 2 is split into four of
 * stride 1, one over each phase (even or odd rows, even or odd columns) with the taps that fall on it:
 * the same sum. 840 ms a step against 1,200 (llvmpipe). Convolutions of stride 1 as products of columns
 * gain nothing.
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
} from "./training.ts";

/** Not in `deno.lock` and not type-checked, so that only this process downloads it. */
const PACKAGE = "npm:@jax-js/jax", VERSION = "0.1.25";

// deno-lint-ignore no-explicit-any -- the package's types are its own
type Any = any;

/** Splits a 3×3 convolution of stride 2 over images of even height and width by phases. */
function convolveByPhases({ numpy: np, lax }: Any, x: Any, kernel: Any): Any {
  /** Taps 0 and 2, or 1, along an axis of a kernel. */
  const taps = (kernel: Any, axis: number, phase: number) => {
    const at = (tap: number) => kernel.ref.slice(...Array(axis).fill([]), [tap, tap + 1]);
    const found = phase === 0 ? np.concatenate([at(0), at(2)], axis) : at(1);
    kernel.dispose();
    return found;
  };
  const [n, c, h, w] = x.shape, none = [0, 0], one = [1, 1];
  const split = np.pad(x, [none, none, one, one]).reshape([n, c, h / 2 + 1, 2, w / 2 + 1, 2]);
  const parts = [[0, 0], [0, 1], [1, 0], [1, 1]].map(([dy, dx]) => {
    const phase = split.ref.slice([], [], dy ? [0, h / 2] : [], dy, dx ? [0, w / 2] : [], dx);
    return lax.conv(phase, taps(taps(kernel.ref, 2, dy!), 3, dx!), [1, 1], "VALID");
  });
  split.dispose();
  kernel.dispose();
  return parts.reduce((a, b) => a.add(b));
}

/** Gives the loss of a batch as a function, with mean and variance of each norm. */
function lossFunction(jax: Any, tuned: boolean) {
  const { numpy: np, nn, lax } = jax;
  const convolve = (x: Any, kernel: Any, stride: number) =>
    tuned && stride === 2
      ? convolveByPhases(jax, x, kernel)
      : lax.conv(x, kernel, [stride, stride], [[1, 1], [1, 1]]);
  return ({ conv, gamma, beta, weight, bias }: Any, images: Any, labels: Any) => {
    const moments: Any[] = [];
    let x = images;
    STRIDES.forEach((stride, i) => {
      const y = convolve(x, conv[i], stride);
      const mean = np.mean(y.ref, [0, 2, 3], { keepdims: true });
      const centred = y.sub(mean.ref);
      const variance = np.mean(np.square(centred.ref), [0, 2, 3], { keepdims: true });
      const scale = np.reciprocal(np.sqrt(variance.ref.add(EPSILON))).mul(gamma[i]);
      x = nn.relu(centred.mul(scale).add(beta[i]));
      moments.push(lax.stopGradient(mean), lax.stopGradient(variance));
    });
    const logits = np.dot(np.mean(x, [2, 3]), np.transpose(weight)).add(bias);
    const loss = np.mean(nn.logSoftmax(logits).mul(nn.oneHot(labels, CLASSES)).sum(-1)).neg();
    return [loss, moments];
  };
}

/** One jitted step of SGD: parameters and momenta as lists, running statistics, images, labels. */
function stepFunction(jax: Any, tuned: boolean) {
  const { jit, valueAndGrad } = jax, lossOf = lossFunction(jax, tuned);
  const treeOf = (l: Any[]) => ({
    conv: l.slice(0, 4),
    gamma: l.slice(4, 8),
    beta: l.slice(8, 12),
    weight: l[12],
    bias: l[13],
  });
  return jit((values: Any[], momenta: Any[], running: Any[], images: Any, labels: Any) => {
    const [[loss, moments], gradient] = valueAndGrad(lossOf, { hasAux: true })(
      treeOf(values.map((v) => v.ref)),
      images,
      labels,
    );
    const velocities = leavesOf(gradient).map((g, i) => momenta[i].mul(MOMENTUM).add(g));
    const updated = values.map((v, i) => v.sub(velocities[i].ref.mul(RATE)));
    const averaged = running.map((r, i) =>
      r.mul(1 - NORM_MOMENTUM).add(moments[i].mul(NORM_MOMENTUM))
    );
    return [updated, velocities, averaged, loss];
  });
}

const leavesOf = (p: Any): Any[] => [...p.conv, ...p.gamma, ...p.beta, p.weight, p.bias];

async function prepare(
  file: string,
  threads: number,
  device: "wasm" | "webgpu",
  tuned: boolean,
): Promise<Trainer> {
  const training = await readTraining(file);
  // The package starts a worker for each core and has no setting for it.
  Object.defineProperty(navigator, "hardwareConcurrency", { value: threads });
  const computesOn = device === "webgpu"
    ? await gpuDevice(threads)
    : { device: "WASM SIMD on the CPU", threads };
  const jax: Any = await import(`${PACKAGE}@${VERSION}`), { numpy: np } = jax;
  if (!(await jax.init(device)).includes(device)) throw new Error(`jax-js finds no ${device}`);
  jax.defaultDevice(device);

  const load = (name: string, shape?: readonly number[]) => {
    const { shape: own, data } = training.weight(name);
    return np.array(data).reshape(shape ?? own);
  };
  const zerosLike = (a: Any) => np.zeros(a.shape);
  const params = {
    conv: STRIDES.map((_, i) => load(`conv${i + 1}.weight`)),
    gamma: STRIDES.map((_, i) => load(`norm${i + 1}.weight`, [1, -1, 1, 1])),
    beta: STRIDES.map((_, i) => load(`norm${i + 1}.bias`, [1, -1, 1, 1])),
    weight: load("linear.weight"),
    bias: load("linear.bias"),
  };
  const step = stepFunction(jax, tuned);
  let values = leavesOf(params), momenta = values.map(zerosLike);
  let running = params.gamma.flatMap((g) => [zerosLike(g), np.ones(g.shape)]);
  let loss: Any, count = 0;
  return {
    version: VERSION,
    ...computesOn,
    step() {
      const { images, labels } = training.batch(count++);
      loss?.dispose();
      [values, momenta, running, loss] = step(
        values,
        momenta,
        running,
        np.array(images).reshape([BATCH, 1, SIZE, SIZE]),
        np.array(labels),
      );
    },
    loss: async () => (await loss.ref.data())[0],
  };
}

const [file, threads, device, variant] = Deno.args;
await serve(() =>
  prepare(file!, Number(threads), device as "wasm" | "webgpu", variant === "tuned")
);
