/**
 * The peers: their names, how to start them, and how often each has a turn.
 *
 * @module
 */

/** A framework, on one of its devices, that does the same training. */
export interface Peer {
  readonly name: string;
  /** Its description in the report. */
  readonly what: string;
  /** Its script in this folder, and the arguments after the training's file and the threads. */
  readonly script: string;
  readonly args: readonly string[];
}

const jax = (device: string, variant: string, what: string): Peer => ({
  name: `jax-js ${device}${variant === "tuned" ? " tuned" : ""}`,
  what,
  script: "jax.ts",
  args: [device, variant],
});

const tensorFlow = (device: string, variant: string, what: string): Peer => ({
  name: `TF.js ${device}${variant === "tuned" ? " tuned" : ""}`,
  what,
  script: "tfjs.ts",
  args: [device, variant],
});

const qtrain = (arithmetic: string, device: string, what: string): Peer => ({
  name: `qtrain ${arithmetic} ${device}`,
  what,
  script: "qtrain.ts",
  args: [arithmetic, device],
});

const JAX = "lax.conv, the whole step in one jit";
const JAX_TUNED = "a convolution of stride 2 as four of stride 1 over the image's phases";
const TF = "conv2d, batchNorm, optimizer.minimize";
const TF_TUNED = "gradients of weights, and all of the first convolution, by matMul of columns";

/** All peers; the first is the reference of the ratios. */
export const PEERS: readonly Peer[] = [
  qtrain("int8", "cpu", "the CPU executor, hindsight ranges"),
  qtrain("float32", "cpu", "the same program without quantizers"),
  qtrain("int8", "gpu", "hindsight ranges on the device"),
  qtrain("float32", "gpu", "the same program without quantizers"),
  {
    name: "PyTorch cpu",
    what: "float32, channels_last, eager",
    script: "pytorch.py",
    args: [],
  },
  jax("wasm", "plain", JAX),
  jax("wasm", "tuned", JAX_TUNED),
  jax("webgpu", "plain", JAX),
  jax("webgpu", "tuned", JAX_TUNED),
  tensorFlow("wasm", "plain", TF),
  tensorFlow("wasm", "tuned", TF_TUNED),
  tensorFlow("cpu", "plain", TF),
  tensorFlow("cpu", "tuned", TF_TUNED),
  tensorFlow("webgpu", "plain", TF),
  tensorFlow("webgpu", "tuned", TF_TUNED),
];

/**
 * Plans the turns of a peer by its speed, so that no slow one takes most of the run.
 *
 * @param ms milliseconds that a step took last
 * @param turn milliseconds that a turn should take
 * @param rounds of the whole run
 * @returns steps of a turn, and in every which round it has one: a step of more than two turns has fewer
 * rounds, but at least three; a step of more than eight has the first round alone
 */
export function turnPlan(ms: number, turn: number, rounds: number) {
  const steps = Math.min(Math.max(Math.round(turn / ms), 1), 1000);
  if (ms > 8 * turn) return { steps, every: Math.max(rounds, 1) };
  const most = Math.max(Math.floor((rounds - 1) / 2), 1);
  return { steps, every: Math.min(Math.max(Math.ceil(ms / (2 * turn)), 1), most) };
}
