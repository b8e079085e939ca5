/**
 * The peers: their names, how to start them, and how many steps each runs in a round, so that a round
 * of each takes about as long.
 *
 * @module
 */

/** A framework that does the same training. */
export interface Peer {
  readonly name: string;
  /** Its description in the report. */
  readonly what: string;
  /** Steps of a round. */
  readonly steps: number;
  /** Its script in this folder, and the argument after the training's file. */
  readonly script: string;
  readonly variant?: string;
}

/** All peers; the first is the reference of the ratios. */
export const PEERS: readonly Peer[] = [
  {
    name: "qtrain int8",
    what: "hindsight ranges on the device",
    steps: 8,
    script: "qtrain.ts",
    variant: "int8",
  },
  {
    name: "qtrain float32",
    what: "the same program without quantizers",
    steps: 4,
    script: "qtrain.ts",
    variant: "float32",
  },
  {
    name: "jax-js",
    what: "lax.conv, the whole step in one jit",
    steps: 2,
    script: "jax.ts",
    variant: "plain",
  },
  {
    name: "jax-js tuned",
    what: "the same; a convolution of stride 2 as four of stride 1 over the image's phases",
    steps: 2,
    script: "jax.ts",
    variant: "tuned",
  },
  {
    name: "TF.js",
    what: "conv2d, batchNorm, optimizer.minimize",
    steps: 1,
    script: "tfjs.ts",
    variant: "plain",
  },
  {
    name: "TF.js tuned",
    what: "the same; gradients of weights, and all of the first convolution, by matMul of columns",
    steps: 1,
    script: "tfjs.ts",
    variant: "tuned",
  },
  { name: "PyTorch", what: "float32 on the CPU, all cores", steps: 8, script: "pytorch.py" },
];

/** The program and the arguments to run a peer. */
export function commandOf({ script, variant }: Peer, file: string): [string, string[]] {
  const own = [`${import.meta.dirname}/${script}`, file, ...(variant ? [variant] : [])];
  if (script.endsWith(".py")) return ["python3", own];
  // Without the lock, as the peers' packages are not dependencies of the project.
  const options = ["--no-prompt", "--no-lock", "--no-check", "--quiet"];
  const allowed = ["--allow-read", "--allow-env", "--allow-sys"];
  return [Deno.execPath(), ["run", ...options, ...allowed, ...own]];
}
