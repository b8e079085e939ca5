/**
 * The peers of the comparison: what each is called, how its process is started, and how many steps
 * it does in a round, so that a round of each takes about as long.
 *
 * @module
 */

/** A peer. */
export interface Peer {
  readonly name: string;
  /** What it is, beside its name, for the report. */
  readonly what: string;
  /** Steps of a round. */
  readonly steps: number;
  /** Its script in this folder, and what it is told beside the training's file. */
  readonly script: string;
  readonly variant?: string;
}

/** All peers; the first is what the others are held against. */
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

/** The program and the arguments that run a peer. */
export function commandOf({ script, variant }: Peer, file: string): [string, string[]] {
  const own = [`${import.meta.dirname}/${script}`, file, ...(variant ? [variant] : [])];
  if (script.endsWith(".py")) return ["python3", own];
  // Without the lock: what the peers download stays out of the project's own.
  const options = ["--no-prompt", "--no-lock", "--no-check", "--quiet"];
  const allowed = ["--allow-read", "--allow-env", "--allow-sys"];
  return [Deno.execPath(), ["run", ...options, ...allowed, ...own]];
}
