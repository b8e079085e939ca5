/**
 * What this adapter can do at most, measured: products in registers in int8 and in f32, and a copy.
 * A kernel's share of these says how much is left to gain.
 *
 * @module
 */
import copySource from "./ceiling_copy.wgsl" with { type: "text" };
import float32Source from "./ceiling_float32.wgsl" with { type: "text" };
import int8Source from "./ceiling_int8.wgsl" with { type: "text" };
import { DeviceError } from "../core/errors.ts";
import type { Gpu } from "../runtime/gpu/device.ts";
import { expand } from "../runtime/gpu/wgsl_template.ts";
import { type Encode, PassTimer } from "../runtime/gpu/timing.ts";
import { type Ceilings, spread } from "./report.ts";

/** Turns of the loops in registers. */
const TURNS = 256;
/** Workgroups of the loops in registers, of 64 threads: 8.6 GOP in int8, 2.1 in f32. */
const GROUPS = 1024;
/** Bytes that are copied: more than the last cache of most machines. */
const COPIED = 64 * 2 ** 20;
/** Bytes that a workgroup copies. */
const COPIED_BY_GROUP = 256 * 4 * 16;
/** A pass should take so long, for clocks and boosts to settle: more dispatches where one is faster. */
const MIN_NS = 2e7;
/** Rounds at least: what counts is the best of them. */
const MIN_ROUNDS = 5;
/** Dispatches of a pass at most. */
const MAX_DISPATCHES = 1024;

/** One kernel to time: what a dispatch does, in operations or bytes. */
interface Loop {
  readonly work: number;
  readonly encode: Encode;
  /** Dispatches of a pass. */
  times: number;
}

/**
 * Measures the ceilings, in turns.
 *
 * @throws DeviceError when the adapter has no timestamps or the driver refuses a kernel
 */
export async function measureCeilings(gpu: Gpu, rounds: number): Promise<Ceilings> {
  const { device } = gpu, timer = new PassTimer(gpu), made: GPUBuffer[] = [];
  const buffer = (size: number) => {
    const { STORAGE, COPY_DST } = GPUBufferUsage;
    made.push(device.createBuffer({ size, usage: STORAGE | COPY_DST }));
    return made.at(-1)!;
  };
  try {
    const few = buffer(4 * 72), many = buffer(4 * 64 * GROUPS);
    const from = buffer(COPIED), to = buffer(COPIED);
    // Numbers that are not denormal as f32, which some devices are slow with.
    device.queue.writeBuffer(few, 0, new Float32Array(72).map((_, i) => 1 + i / 72));
    const EMULATE = gpu.emulateDot ? 1 : 0, products = GROUPS * 64 * TURNS * 64;
    const loops = {
      int8: await loop(device, expand(int8Source, { TURNS, EMULATE }).code, [few, many], GROUPS),
      float32: await loop(device, expand(float32Source, { TURNS }).code, [few, many], GROUPS),
      copy: await loop(device, expand(copySource, {}).code, [from, to], COPIED / COPIED_BY_GROUP),
    };
    const kinds = [
      { ...loops.int8, work: 8 * products },
      { ...loops.float32, work: 2 * products },
      { ...loops.copy, work: 2 * COPIED },
    ];
    const rates = kinds.map((): number[] => []);
    for (const kind of kinds) await settle(timer, kind);
    for (let round = 0; round < Math.max(rounds, MIN_ROUNDS); round++) {
      const times = await timer.time(kinds.map(repeated));
      for (const [i, { work, times: n }] of kinds.entries()) rates[i]!.push(work * n / times[i]!);
    }
    const [int8, float32, copy] = rates.map(spread) as [
      Ceilings["int8"],
      Ceilings["int8"],
      Ceilings["int8"],
    ];
    return { int8, float32, copy };
  } finally {
    timer.close();
    for (const one of made) one.destroy();
  }
}

/** Finds how many dispatches take long enough; the first pass compiles. */
async function settle(timer: PassTimer, kind: Loop): Promise<void> {
  await timer.time([repeated(kind)]);
  while (kind.times < MAX_DISPATCHES) {
    const [ns] = await timer.time([repeated(kind)]);
    if (ns! >= MIN_NS) return;
    kind.times *= 2;
  }
}

const repeated = ({ encode, times }: Loop): Encode => (pass) => {
  for (let i = 0; i < times; i++) encode(pass);
};

async function loop(
  device: GPUDevice,
  code: string,
  buffers: readonly GPUBuffer[],
  groups: number,
): Promise<Loop> {
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
    return { work: 0, encode, times: 1 };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DeviceError(`a kernel of the benchmark is refused by the driver: ${why}`);
  }
}
