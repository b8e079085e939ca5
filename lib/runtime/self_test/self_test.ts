/**
 * Tests the kernels on a GPU, or the SIMD kernels on the CPU: runs small networks that use every kernel,
 * in every arithmetic, in lockstep with the references. Takes a few seconds.
 *
 * Passing means that a kernel is correct for the shapes tested, which have ragged edges; it does not mean
 * that the adapter is stable.
 *
 * @module
 */
import { convBackwardInput } from "../../../kernels/conv_backward_input/kernel.ts";
import { convBackwardWeight } from "../../../kernels/conv_backward_weight/kernel.ts";
import { convForward } from "../../../kernels/conv_forward/kernel.ts";
import type { Kernel } from "../../../kernels/define_kernel.ts";
import { dsgcSearch } from "../../../kernels/dsgc_search/kernel.ts";
import { type GpuOptions, openGpu } from "../gpu/device.ts";
import { GpuExecutor } from "../gpu/executor.ts";
import type { Program, Step } from "../../program/program.ts";
import type { Executor } from "../executor.ts";
import { openDevice } from "../device.ts";
import { ReferenceExecutor } from "../reference_executor.ts";
import { fill } from "../fill.ts";
import { compareExecutors, type Difference, differingBits } from "../compare_executors.ts";
import { programOf, TEST_NETWORKS, testNetworksOf } from "./test_networks.ts";

/** The comparison of a kernel with its reference. */
export interface KernelCheck {
  /** Name of the kernel: kernels/NAME. */
  readonly kernel: string;
  /** The arithmetic it was compiled for. */
  readonly arithmetic: Program["arithmetic"];
  /** `equal` in every bit; `close` within {@link BOUNDS}; else `wrong`. */
  readonly result: "equal" | "close" | "wrong";
  /** Type of the values that differ most: bytes (codes), words (integers), or f32 (floats). */
  readonly type: Difference["type"];
  /** The largest difference: in codes, in units, or relative to the largest value. */
  readonly largest: number;
}

/** Maximum differences that the rounding of another driver explains. */
export const BOUNDS = {
  /** A value near a rounding tie may get the neighbouring code. */
  codes: 1,
  /** Sums of integers are exact everywhere. */
  integers: 0,
  /** Relative to the largest value of the tensor. */
  floats: 1e-5,
  /** Units in the last place of an f32 extreme; also clipped values next to the range's end. */
  statistics: 16,
} as const;

/**
 * Maximum number of steps of a kernel that are tested, where it is not 1. Drivers compile at the first
 * dispatch, once per layer: all of them took 24 s on llvmpipe, these take 8 s (2 s from its cache).
 */
const MAX_STEPS: ReadonlyMap<Kernel, number> = new Map<Kernel, number>([
  [convForward, 3],
  [convBackwardInput, 3],
  [convBackwardWeight, 2],
  [dsgcSearch, 3], // Its first steps differ.
]);

/**
 * The same when only selected kernels are tested: of convolutions, one with sums for a norm and one
 * without. With three of each, a first start takes 3.6 s instead of 3.2 s.
 */
const MAX_SELECTED_STEPS = 2;

/**
 * Runs the self-test on the GPU that `openGpu` opens.
 *
 * @param wanted tests only these kernels, e.g. those of a program, which is faster
 * @returns one entry per kernel and arithmetic, in the order in which a step runs them
 * @throws DeviceError when there is no adapter, or it refuses a kernel
 */
export async function selfTest(
  options: GpuOptions = {},
  wanted?: { readonly arithmetic: Program["arithmetic"]; readonly kernels: ReadonlySet<Kernel> },
): Promise<KernelCheck[]> {
  const checks = new Map<string, KernelCheck>();
  const left = new Set<Kernel>(wanted?.kernels);
  for (const network of wanted ? testNetworksOf(wanted.arithmetic) : TEST_NETWORKS) {
    if (wanted && left.size === 0) break;
    const program = programOf(network);
    const most = (kernel: Kernel) => {
      const steps = MAX_STEPS.get(kernel) ?? 1;
      if (wanted) return left.has(kernel) ? Math.min(MAX_SELECTED_STEPS, steps) : 0;
      return network.only?.includes(kernel) ?? true ? steps : 0;
    };
    const open = async (tested: Program) => GpuExecutor.create(await openGpu(options), tested);
    await check(program, most, open, judge, checks);
    for (const step of Object.values(program.sections).flat()) left.delete(step.kernel);
  }
  return [...checks.values()];
}

/**
 * Runs the self-test of the CPU executor: every step of the test networks that has a SIMD kernel, which
 * must equal its reference in every bit.
 *
 * @returns one entry per kernel and arithmetic, `equal` or `wrong`
 * @throws DeviceError when the runtime lacks SIMD or shared memory, or a thread fails
 */
export async function selfTestCpu(threads?: number): Promise<KernelCheck[]> {
  const device = await openDevice("cpu", threads === undefined ? {} : { threads });
  const checks = new Map<string, KernelCheck>();
  for (const network of TEST_NETWORKS) {
    const isTested = (kernel: Kernel) => kernel.simd && (network.only?.includes(kernel) ?? true);
    await check(
      programOf(network),
      (kernel) => isTested(kernel) ? Infinity : 0,
      (tested) => device.createExecutor(tested),
      (difference) => differingBits(difference) === 0 ? "equal" : "wrong",
      checks,
    );
  }
  return [...checks.values()];
}

/**
 * @param most returns the maximum number of steps of a kernel to test
 * @param open opens the executor to test, of a program with only these steps
 */
async function check(
  program: Program,
  most: (kernel: Kernel) => number,
  open: (tested: Program) => Promise<Executor>,
  judge: (difference: Difference, arithmetic: Program["arithmetic"]) => KernelCheck["result"],
  checks: Map<string, KernelCheck>,
): Promise<void> {
  const cpu = new ReferenceExecutor(program.buffers);
  fill(program, cpu);
  const { arithmetic, sections: s } = program;
  const all = [
    ...s.weights,
    ...s.forward,
    ...s.loss,
    ...s.backward,
    ...s.update,
    ...s.schedule,
    ...s.exchange,
    ...s.calibrate,
  ];
  const times = new Map<Kernel, number>();
  const tested = all.filter(({ kernel }) => {
    const before = times.get(kernel) ?? 0;
    times.set(kernel, before + 1);
    return before < most(kernel);
  });
  const last = all.indexOf(tested.at(-1)!);
  if (last < 0) return;
  const none: Program["sections"] = {
    forward: [],
    loss: [],
    backward: [],
    update: [],
    schedule: [],
    weights: [],
    exchange: [],
    calibrate: [],
  };
  // A GPU compiles only the steps that are tested.
  const executor = await open({ ...program, sections: { ...none, forward: tested } });
  try {
    const each = (difference: Difference) => {
      const { step: { kernel }, type, largest } = difference;
      const found = {
        kernel: kernel.name,
        arithmetic,
        result: judge(difference, arithmetic),
        type,
        largest,
      };
      const id = `${arithmetic} ${kernel.name}`, before = checks.get(id);
      if (!before || badness(found) > badness(before)) checks.set(id, found);
    };
    const isTested = (step: Step) => tested.includes(step);
    await compareExecutors(all.slice(0, last + 1), cpu, executor, each, isTested);
  } finally {
    executor.close();
  }
}

/** Returns whether a difference is none, or one that rounding explains. */
export function judge(
  { variable, type, largest, differing, step }: Difference,
  arithmetic: Program["arithmetic"],
): KernelCheck["result"] {
  if (differing === 0) return "equal";
  // A code that is off by one, in real values.
  if (arithmetic === "simulated" && step.constants.STORE === 1 && type === "floats") {
    return largest <= BOUNDS.codes / 100 ? "close" : "wrong";
  }
  const bound = variable === "statistics" ? BOUNDS.statistics : BOUNDS[type];
  return largest <= bound ? "close" : "wrong";
}

function badness({ result, largest }: KernelCheck): number {
  return ["equal", "close", "wrong"].indexOf(result) + largest / (1 + largest) / 2;
}
