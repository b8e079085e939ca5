/**
 * Tests the ways of dot products (`DOT`) on a GPU. Some drivers offer an instruction for them and get it
 * wrong: AMD's for Windows does on chips before RDNA 2. The words that are multiplied have every
 * extreme; each thread adds several products to a start value, as the convolutions do, because compilers
 * join the addition and the product into one instruction.
 *
 * @module
 */
import { DOT, type Target } from "../../../kernels/define_kernel.ts";
import { includes } from "../../../kernels/include/mod.ts";
import { DeviceError } from "../../core/errors.ts";
import { type Gpu, type GpuOptions, openGpu } from "../gpu/device.ts";
import { firstLine, withErrorScope } from "../gpu/error_scope.ts";
import { expand } from "../gpu/wgsl_template.ts";
import { hashOf } from "../gpu/tuning_key.ts";

/** Sums that are compared, and dot products in each. */
const SUMS = 256, PRODUCTS = 8;
/** Words of a sum: its start value, and the pairs that are multiplied. */
const WORDS = 1 + 2 * PRODUCTS;

const SOURCE = `//@ include quad
//@ include dot
@group(0) @binding(3) var<storage, read> words: array<u32>;
@group(0) @binding(4) var<storage, read_write> sums: array<i32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  var sum = bitcast<i32>(words[id.x * ${WORDS}u]);
  for (var i = 1u; i < ${WORDS}u; i += 2u) {
    let at = id.x * ${WORDS}u + i;
    sum += dot_quad(words[at], words[at + 1u]);
  }
  sums[id.x] = sum;
}
`;

/** Returns the shader that computes sums in one way of dot products, on an adapter that has `dots`. */
export function dotShader(dot: number, dots: Target["dots"]): string {
  const EMULATE = dots[0] === DOT.emulated ? 1 : 0;
  return expand(SOURCE, { INT8: 1, V: 1, EMULATE, DOT: dot }, includes).code;
}

/** Returns the hash of the text that the test compiles: when it changes, adapters are tested again. */
export function dotSource(): string {
  return hashOf([SOURCE, includes.quad!, includes.dot!]);
}

/**
 * Tests each way of dot products that the adapter of `openGpu` has.
 *
 * @returns whether each gives right results; a way that the driver refuses does not
 * @throws DeviceError when there is no adapter, or it cannot be opened
 */
export async function testDots(options: GpuOptions = {}): Promise<ReadonlyMap<number, boolean>> {
  const gpu = await openGpu({ ...options, dots: undefined }), { dots } = gpu.target;
  const right = new Map<number, boolean>(), words = testWords();
  try {
    for (const dot of dots) {
      const wanted = sumsOf(words, dot);
      const sums = await runDots(gpu, dot, words).catch((error) => {
        if (error instanceof DeviceError) return [];
        throw error;
      });
      right.set(dot, wanted.every((sum, i) => sum === sums[i]));
    }
    return right;
  } finally {
    gpu.device.destroy();
  }
}

/** Returns random words; each fourth one has only extreme codes. */
function testWords(): Uint32Array<ArrayBuffer> {
  const extremes = [0x80, 0x7f, 0xff, 0x00, 0x01, 0x81];
  return new Uint32Array(SUMS * WORDS).map((_, i) => {
    let h = Math.imul(i + 1, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
    h ^= h >>> 13;
    if (i % WORDS === 0) return h >> 8; // A start value that no sum overflows from.
    if (i % 4 > 0) return h;
    return [0, 8, 16, 24].reduce((word, at) => word | extremes[(h >>> at & 255) % 6]! << at, 0);
  });
}

/** Returns the sums by plain products, of unsigned bytes in the unsigned way. */
function sumsOf(words: Uint32Array, dot: number): number[] {
  const bytes = (word: number) =>
    [24, 16, 8, 0].map((left) => dot === DOT.unsigned ? word << left >>> 24 : word << left >> 24);
  return Array.from({ length: SUMS }, (_, n) => {
    const [start, ...pairs] = words.subarray(n * WORDS, (n + 1) * WORDS);
    let sum = start! | 0;
    for (let i = 0; i < pairs.length; i += 2) {
      const b = bytes(pairs[i + 1]!);
      bytes(pairs[i]!).forEach((a, lane) => sum += a * b[lane]!);
    }
    return sum;
  });
}

/** Computes the sums on the GPU. @throws DeviceError when it refuses or fails */
async function runDots(
  { device, target }: Gpu,
  dot: number,
  words: Uint32Array<ArrayBuffer>,
): Promise<Int32Array> {
  const { STORAGE, COPY_DST, COPY_SRC, MAP_READ } = GPUBufferUsage, size = 4 * SUMS;
  const code = dotShader(dot, target.dots);
  const input = device.createBuffer({ size: words.byteLength, usage: STORAGE | COPY_DST });
  const output = device.createBuffer({ size, usage: STORAGE | COPY_SRC });
  const staging = device.createBuffer({ size, usage: MAP_READ | COPY_DST });
  try {
    const { error } = await withErrorScope(device, () => {
      const module = device.createShaderModule({ code });
      const pipeline = device.createComputePipeline({
        layout: "auto",
        compute: { module, entryPoint: "main" },
      });
      const entries = [{ binding: 3, resource: { buffer: input } }, {
        binding: 4,
        resource: { buffer: output },
      }];
      const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
      device.queue.writeBuffer(input, 0, words);
      const encoder = device.createCommandEncoder(), pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(SUMS / 64);
      pass.end();
      encoder.copyBufferToBuffer(output, 0, staging, 0, size);
      device.queue.submit([encoder.finish()]);
    });
    if (error) throw new DeviceError(error.message);
    await staging.mapAsync(GPUMapMode.READ).catch((error) => {
      throw new DeviceError(firstLine(error));
    });
    return new Int32Array(staging.getMappedRange().slice(0));
  } finally {
    for (const buffer of [input, output, staging]) buffer.destroy();
  }
}
