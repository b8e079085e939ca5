/**
 * jax-js on WebGPU, the whole step jitted: `jax.ts FILE plain` or `jax.ts FILE tuned`. Speaks the
 * protocol of `serve.ts`.
 *
 * Tuned: its gradient of a strided convolution's input convolves dY with zeros between its pixels, four
 * times the work that there is. So a convolution of stride 2 is taken apart into four of stride 1, one
 * over each phase (even or odd rows, even or odd columns) with the taps that fall on it: the same sum.
 * 840 ms a step against 1,200 (llvmpipe). Convolutions of stride 1 as products of
 * columns gain nothing.
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

/** Kept out of `deno.lock` and of type checks: only this process downloads it. */
const PACKAGE = "npm:@jax-js/jax", VERSION = "0.1.25";

// deno-lint-ignore no-explicit-any -- the package's types are its own
type Any = any;

async function prepare(file: string, tuned: boolean): Promise<Trainer> {
  const training = await readTraining(file);
  const { init, defaultDevice, numpy: np, nn, lax, jit, valueAndGrad }: Any = await import(
    `${PACKAGE}@${VERSION}`
  );
  if (!(await init("webgpu")).includes("webgpu")) throw new Error("jax-js finds no WebGPU");
  defaultDevice("webgpu");

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

  /** Taps 0 and 2, or 1, along an axis of a kernel. */
  const taps = (kernel: Any, axis: number, phase: number) => {
    const at = (tap: number) => kernel.ref.slice(...Array(axis).fill([]), [tap, tap + 1]);
    const found = phase === 0 ? np.concatenate([at(0), at(2)], axis) : at(1);
    kernel.dispose();
    return found;
  };
  /** A 3×3 convolution of stride 2 over images of even height and width. */
  const byPhases = (x: Any, kernel: Any) => {
    const [n, c, h, w] = x.shape, none = [0, 0], one = [1, 1];
    const apart = np.pad(x, [none, none, one, one]).reshape([n, c, h / 2 + 1, 2, w / 2 + 1, 2]);
    const parts = [[0, 0], [0, 1], [1, 0], [1, 1]].map(([dy, dx]) => {
      const phase = apart.ref.slice([], [], dy ? [0, h / 2] : [], dy, dx ? [0, w / 2] : [], dx);
      return lax.conv(phase, taps(taps(kernel.ref, 2, dy!), 3, dx!), [1, 1], "VALID");
    });
    apart.dispose();
    kernel.dispose();
    return parts.reduce((a, b) => a.add(b));
  };
  const convolve = (x: Any, kernel: Any, stride: number) =>
    tuned && stride === 2
      ? byPhases(x, kernel)
      : lax.conv(x, kernel, [stride, stride], [[1, 1], [1, 1]]);

  /** Loss, and mean and variance of each norm. */
  const lossOf = ({ conv, gamma, beta, weight, bias }: Any, images: Any, labels: Any) => {
    const seen: Any[] = [];
    let x = images;
    STRIDES.forEach((stride, i) => {
      const y = convolve(x, conv[i], stride);
      const mean = np.mean(y.ref, [0, 2, 3], { keepdims: true });
      const centred = y.sub(mean.ref);
      const variance = np.mean(np.square(centred.ref), [0, 2, 3], { keepdims: true });
      const scale = np.reciprocal(np.sqrt(variance.ref.add(EPSILON))).mul(gamma[i]);
      x = nn.relu(centred.mul(scale).add(beta[i]));
      seen.push(lax.stopGradient(mean), lax.stopGradient(variance));
    });
    const logits = np.dot(np.mean(x, [2, 3]), np.transpose(weight)).add(bias);
    const loss = np.mean(nn.logSoftmax(logits).mul(nn.oneHot(labels, CLASSES)).sum(-1)).neg();
    return [loss, seen];
  };
  const leaves = (p: Any): Any[] => [...p.conv, ...p.gamma, ...p.beta, p.weight, p.bias];
  const treeOf = (l: Any[]) => ({
    conv: l.slice(0, 4),
    gamma: l.slice(4, 8),
    beta: l.slice(8, 12),
    weight: l[12],
    bias: l[13],
  });
  const step = jit((values: Any[], momenta: Any[], running: Any[], images: Any, labels: Any) => {
    const [[loss, seen], gradient] = valueAndGrad(lossOf, { hasAux: true })(
      treeOf(values.map((v) => v.ref)),
      images,
      labels,
    );
    const velocities = leaves(gradient).map((g, i) => momenta[i].mul(MOMENTUM).add(g));
    const updated = values.map((v, i) => v.sub(velocities[i].ref.mul(RATE)));
    const followed = running.map((r, i) => r.mul(1 - FOLLOW).add(seen[i].mul(FOLLOW)));
    return [updated, velocities, followed, loss];
  });

  let values = leaves(params), momenta = values.map(zerosLike);
  let running = params.gamma.flatMap((g) => [zerosLike(g), np.ones(g.shape)]);
  let loss: Any, count = 0;
  return {
    version: VERSION,
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

await serve(() => prepare(Deno.args[0]!, Deno.args[1] === "tuned"));
