/**
 * Finds accesses past the end of buffers that shaders write. Drivers drop such a write or, where they clamp
 * the index, write the last element instead: nothing fails, and some adapter computes something else.
 *
 * Each index of a buffer that is written goes through a function that counts those that are too large, in
 * a buffer that every bind group gets for this.
 *
 * @module
 */

/** `@binding` of the counters, which no kernel uses. */
const BINDING = 14;
/** Maximum number of shaders that are compiled. */
const MAX_SHADERS = 4096;

/** Returns a shader that counts its wrong indices in counter `slot`. */
export function withChecks(code: string, slot: number): string {
  const text = code.replace(/\/\/.*$/gm, "");
  const written = [...text.matchAll(/var<storage, read_write> (\w+): array</g)].map(([, n]) => n!);
  const checked = written.reduce((text, name) => checkIndices(text, name), text);
  return `${checked}
@group(0) @binding(${BINDING}) var<storage, read_write> past_end: array<atomic<u32>, ${MAX_SHADERS}>;
fn in_bounds(i: u32, length: u32) -> u32 {
  if (i >= length) { atomicAdd(&past_end[${slot}], 1u); }
  return i;
}
`;
}

function checkIndices(text: string, name: string): string {
  const [before, ...uses] = text.split(new RegExp(`(?<![.\\w])${name}\\[`));
  return uses.reduce((out, use) => {
    let depth = 1, end = 0;
    for (; depth > 0; end++) depth += use[end] === "[" ? 1 : use[end] === "]" ? -1 : 0;
    const index = use.slice(0, end - 1);
    return `${out}${name}[in_bounds(u32(${index}), arrayLength(&${name}))]${use.slice(end)}`;
  }, before!);
}

/**
 * Runs `body` with checks in all shaders that are compiled in it, on the device that it returns.
 *
 * @returns the labels of those with an access past the end
 */
export async function accessesPastEnd(body: () => Promise<GPUDevice>): Promise<string[]> {
  const { createShaderModule, createBindGroupLayout, createBindGroup } = GPUDevice.prototype;
  const { requestDevice } = GPUAdapter.prototype, labels: string[] = [];
  const counters = new WeakMap<GPUDevice, GPUBuffer>(), size = 4 * MAX_SHADERS;
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  GPUAdapter.prototype.requestDevice = async function (options = {}) {
    // One more buffer than kernels may have.
    const requiredLimits = { ...options.requiredLimits, maxStorageBuffersPerShaderStage: 9 };
    const device = await requestDevice.call(this, { ...options, requiredLimits });
    counters.set(device, device.createBuffer({ size, usage: STORAGE | COPY_SRC }));
    return device;
  };
  Object.assign(GPUDevice.prototype, {
    createShaderModule(this: GPUDevice, { code, label = "" }: GPUShaderModuleDescriptor) {
      const slot = labels.push(label) - 1;
      return createShaderModule.call(this, { label, code: withChecks(code, slot) });
    },
    createBindGroupLayout(this: GPUDevice, { entries }: GPUBindGroupLayoutDescriptor) {
      const { COMPUTE: visibility } = GPUShaderStage, buffer = { type: "storage" } as const;
      const counter = { binding: BINDING, visibility, buffer };
      return createBindGroupLayout.call(this, { entries: [...entries, counter] });
    },
    createBindGroup(this: GPUDevice, { entries, ...more }: GPUBindGroupDescriptor) {
      const counter = { binding: BINDING, resource: { buffer: counters.get(this)! } };
      return createBindGroup.call(this, { ...more, entries: [...entries, counter] });
    },
  });
  try {
    const device = await body(),
      staging = device.createBuffer({ size, usage: MAP_READ | COPY_DST });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(counters.get(device)!, 0, staging, 0, size);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const counts = new Uint32Array(staging.getMappedRange().slice(0));
    device.destroy();
    return labels.filter((_, slot) => counts[slot]! > 0);
  } finally {
    GPUAdapter.prototype.requestDevice = requestDevice;
    const { prototype } = GPUDevice;
    Object.assign(prototype, { createShaderModule, createBindGroupLayout, createBindGroup });
  }
}
