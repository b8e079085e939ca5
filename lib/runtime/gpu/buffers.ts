/**
 * Creates the buffers of a program, all of them or none.
 *
 * @module
 */
import { operandsBytes } from "../../program/memory/bytes.ts";
import { DeviceError, DeviceMemoryError } from "../../core/errors.ts";
import { type Program } from "../../program/program.ts";
import { probeAvailableBytes } from "./probe_memory.ts";
import { type BufferSlice, stagingBuffer } from "./readback.ts";
import { firstLine, withErrorScope } from "./error_scope.ts";

/** Name of the buffer with the operands of all steps, in the order of the program. */
export const OPERANDS = "operands";
const UNIFORMS: ReadonlySet<string> = new Set(["step", OPERANDS]);

/** Memory of a program on a device. */
export interface ProgramBuffers {
  /** Buffers that steps use. */
  readonly buffers: readonly GPUBuffer[];
  /** The slice of each tensor, by its name. */
  readonly slices: ReadonlyMap<string, BufferSlice>;
  /** Buffers that the host maps to read results. */
  readonly staging: readonly GPUBuffer[];
}

/**
 * Creates the buffers of a program.
 *
 * @throws DeviceMemoryError when a buffer exceeds a limit of the device, or it has no memory left
 */
export async function createBuffers(gpu: GPUDevice, program: Program): Promise<ProgramBuffers> {
  const { STORAGE, UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage, { layout } = program;
  const wanted: GPUBufferDescriptor[] = [];
  const want = (label: string, size: number) => {
    const usage = (UNIFORMS.has(label) ? UNIFORM : STORAGE) | COPY_SRC | COPY_DST;
    return wanted.push({ label, size, usage }) - 1;
  };
  const regions = layout?.regions.map((bytes, i) => want(`region ${i}`, bytes));
  const places = program.buffers.map(({ name, bytes: size }) => {
    const place = layout?.places.get(name);
    const index = place ? regions![place.region]! : want(name, size);
    return { name, index, offset: place?.offset ?? 0, size };
  });
  const size = operandsBytes(program);
  places.push({ name: OPERANDS, index: want(OPERANDS, size), offset: 0, size });
  const used = wanted.length;
  wanted.push(...(program.staging ?? []).map(stagingBuffer));
  checkLimits(gpu, program, wanted);
  const made = await makeAll(gpu, wanted), buffers = made.slice(0, used);
  return {
    buffers,
    slices: new Map(places.map(({ name, index, offset, size }) => [
      name,
      { buffer: buffers[index]!, offset, size },
    ])),
    staging: made.slice(used),
  };
}

function checkLimits(
  { limits: { maxStorageBufferBindingSize, maxBufferSize } }: GPUDevice,
  program: Program,
  wanted: readonly GPUBufferDescriptor[],
): void {
  const most = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  const tensors = program.buffers.map(({ name, bytes }) => ({ label: name, size: bytes }));
  for (const { label, size } of [...tensors, ...wanted]) {
    if (size <= most) continue;
    throw new DeviceMemoryError(
      `buffer ${label} needs ${mib(size)} but this adapter's limit is ${mib(most)}. ` +
        "Use a smaller batch, smaller images or a narrower network",
      undefined,
      most,
    );
  }
}

async function makeAll(
  gpu: GPUDevice,
  wanted: readonly GPUBufferDescriptor[],
): Promise<GPUBuffer[]> {
  const made: GPUBuffer[] = [];
  for (const descriptor of wanted) {
    const { made: buffer, error } = await withErrorScope(gpu, () => gpu.createBuffer(descriptor));
    made.push(buffer);
    if (!error) continue;
    for (const one of made) one.destroy();
    const { label, size } = descriptor;
    if (!error.memory) {
      throw new DeviceError(
        `the GPU refused buffer ${label} of ${mib(size)}: ${firstLine(error.message)}`,
      );
    }
    const total = wanted.reduce((sum, one) => sum + one.size, 0);
    const available = await probeAvailableBytes(gpu, total);
    throw new DeviceMemoryError(
      `the GPU is out of memory: the program needs ${mib(total)}, available are ${
        mib(available)
      } ` +
        `(buffer ${label} of ${mib(size)} was refused). Use a smaller batch, smaller images or a ` +
        "narrower network",
      available,
    );
  }
  return made;
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
