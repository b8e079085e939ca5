/**
 * Measures the adapter's peak rates: products in registers, in int8 in every way that the adapter has and
 * in f32, and a copy. The share that a kernel reaches shows how much is left to gain.
 *
 * @module
 */
import { DOT_NAMES } from "../../kernels/define_kernel.ts";
import copySource from "./peak_copy.wgsl" with { type: "text" };
import float32Source from "./peak_float32.wgsl" with { type: "text" };
import int8Source from "./peak_int8.wgsl" with { type: "text" };
import { DeviceError } from "../core/errors.ts";
import type { Gpu } from "../runtime/gpu/device.ts";
import { expand } from "../runtime/gpu/wgsl_template.ts";
import { type Encode, PassTimer } from "../runtime/gpu/timing.ts";
import { type PeakRates, spread } from "./report.ts";

/** Iterations of the loops in registers. */
const TURNS = 256;
/**
 * Workgroups of the loops in registers, of 64 threads: 8.6 GOP in int8, 2.1 in f32. A sixteenth of them
 * occupies a processor for long enough: SwiftShader does 0.5 GOP/s.
 */
const GROUPS = 1024, SOFTWARE_GROUPS = GROUPS / 16;
/** Bytes to copy: more than the last-level cache of most machines. */
const COPIED = 64 * 2 ** 20;
/** Workgroups of the copy, of 256 threads that copy 64 bytes each. */
const COPY_GROUPS = COPIED / (256 * 4 * 16);
/** Minimum time of a pass, so that clocks settle; a fast kernel is dispatched repeatedly. */
const MIN_NS = 2e7;
/** Minimum number of rounds, as the best one counts. */
const MIN_ROUNDS = 5;
/** Maximum number of dispatches in a pass. */
const MAX_DISPATCHES = 1024;

/** A kernel to time. */
interface TimedKernel {
  /** Operations or bytes of a dispatch. */
  readonly work: number;
  readonly encode: Encode;
  /** Dispatches in a pass. */
  dispatches: number;
}

/**
 * Measures the peak rates, in turns.
 *
 * @throws DeviceError if the adapter has no timestamps or the driver rejects a kernel
 */
export async function measurePeakRates(gpu: Gpu, rounds: number): Promise<PeakRates> {
  const { device } = gpu, timer = new PassTimer(gpu), buffers: GPUBuffer[] = [];
  const buffer = (size: number) => {
    const { STORAGE, COPY_DST } = GPUBufferUsage;
    buffers.push(device.createBuffer({ size, usage: STORAGE | COPY_DST }));
    return buffers.at(-1)!;
  };
  try {
    const groups = gpu.target.software ? SOFTWARE_GROUPS : GROUPS;
    const few = buffer(4 * 72), many = buffer(4 * 64 * groups);
    const from = buffer(COPIED), to = buffer(COPIED);
    // Normal f32 numbers: some devices are slow with denormal ones.
    device.queue.writeBuffer(few, 0, new Float32Array(72).map((_, i) => 1 + i / 72));
    const products = groups * 64 * TURNS * 64;
    const loop = async (code: string, work: number) => ({
      ...await compile(device, code, [few, many], groups),
      work,
    });
    const copy = await compile(device, expand(copySource, {}).code, [from, to], COPY_GROUPS);
    const kinds = [
      ...await Promise.all(
        gpu.target.dots.map((DOT) => loop(expand(int8Source, { TURNS, DOT }).code, 8 * products)),
      ),
      await loop(expand(float32Source, { TURNS }).code, 2 * products),
      { ...copy, work: 2 * COPIED },
    ];
    const rates = kinds.map((): number[] => []);
    for (const kind of kinds) await chooseDispatches(timer, kind);
    for (let round = 0; round < Math.max(rounds, MIN_ROUNDS); round++) {
      const times = await timer.time(kinds.map(repeated));
      for (const [i, { work, dispatches }] of kinds.entries()) {
        rates[i]!.push(work * dispatches / times[i]!);
      }
    }
    const measured = rates.map(spread);
    const dots = gpu.target.dots.map((dot, i) => [DOT_NAMES[dot]!, measured[i]!] as const);
    const best = dots.map(([, rate]) => rate).reduce((a, b) => b.max > a.max ? b : a);
    return {
      int8: best,
      float32: measured.at(-2)!,
      copy: measured.at(-1)!,
      dots: Object.fromEntries(dots),
    };
  } finally {
    timer.close();
    for (const one of buffers) one.destroy();
  }
}

/** Finds how many dispatches take long enough. The first pass compiles the kernel. */
async function chooseDispatches(timer: PassTimer, kernel: TimedKernel): Promise<void> {
  await timer.time([repeated(kernel)]);
  while (kernel.dispatches < MAX_DISPATCHES) {
    const [ns] = await timer.time([repeated(kernel)]);
    if (ns! >= MIN_NS) return;
    kernel.dispatches *= 2;
  }
}

const repeated = ({ encode, dispatches }: TimedKernel): Encode => (pass) => {
  for (let i = 0; i < dispatches; i++) encode(pass);
};

async function compile(
  device: GPUDevice,
  code: string,
  buffers: readonly GPUBuffer[],
  groups: number,
): Promise<TimedKernel> {
  try {
    const pipeline = await device.createComputePipelineAsync({
      layout: "auto",
      compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
    });
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    const encode: Encode = (pass) => {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(groups);
    };
    return { work: 0, encode, dispatches: 1 };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DeviceError(`the driver rejects a kernel of the benchmark: ${why}`);
  }
}
