/**
 * Opens a GPU. Only native drivers (Vulkan, Metal, Direct3D 12) are used: without one, Deno silently
 * offers OpenGL, which is used only when `DENO_WEBGPU_BACKEND` names it.
 *
 * @module
 */
import { DOT, type Target } from "../../../kernels/define_kernel.ts";
import { DeviceError } from "../../core/errors.ts";
import { firstLine } from "./error_scope.ts";

/** An open GPU. */
export interface Gpu {
  /** The WebGPU device. */
  readonly device: GPUDevice;
  /** Name of the adapter, for messages. */
  readonly name: string;
  /** The adapter's `GPUAdapterInfo`. */
  readonly info: {
    readonly vendor: string;
    readonly architecture: string;
    readonly device: string;
    readonly description: string;
  };
  /** What tiles are chosen for. */
  readonly target: Target;
}

/** Options of {@linkcode openGpu}. */
export interface GpuOptions {
  /**
   * `edge`: WebGPU's base limits and the emulated packed dot product, even if the adapter can do more.
   * `QTRAIN_TERMS=edge` does the same.
   */
  readonly limits?: "adapter" | "edge";
  /**
   * Ways of packed dot products (values of `DOT`) that are used, of those that WGSL has here, the first
   * by default; without it all that WGSL has.
   */
  readonly dots?: Target["dots"] | undefined;
}

/** Interfaces of native drivers, the value of `DENO_WEBGPU_BACKEND` where the user has set none. */
export const NATIVE = "vulkan,metal,dx12";

/** Returns an environment variable; a denied permission counts as unset. */
export function environment(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    return undefined;
  }
}

/** Returns whether an environment variable is set, and neither empty nor `0`. */
export function isSet(name: string): boolean {
  return !["", "0", undefined].includes(environment(name));
}

function setUnlessSet(name: string, value: string): void {
  try {
    if (!Deno.env.get(name)) Deno.env.set(name, value);
  } catch {
    // Without the permission the defaults stay: the loader prints two lines, or OpenGL is offered.
  }
}

/** Returns the adapter; `null` if there is no native driver. */
export async function requestAdapter(
  powerPreference: GPUPowerPreference = "high-performance",
): Promise<GPUAdapter | null> {
  setUnlessSet("XDG_RUNTIME_DIR", "/"); // Any value stops the loader from printing two lines.
  setUnlessSet("DENO_WEBGPU_BACKEND", NATIVE); // Deno reads it once per process, at the first request.
  if (!("gpu" in navigator)) return null;
  return await navigator.gpu.requestAdapter({ powerPreference });
}

/** Names of drivers that compute on the processor: Mesa, SwiftShader, and Windows' WARP. */
const SOFTWARE = /llvmpipe|lavapipe|softpipe|swiftshader|basic render|\bwarp\b/i;

/**
 * Returns whether an adapter is software: slower than the CPU executor on the same processor. Deno's
 * `isFallbackAdapter` says so of llvmpipe, SwiftShader and WARP; older versions said it of none, and on
 * OpenGL it is a guess. So the name decides too, which Deno gives as `description`.
 */
export function isSoftware(
  { description, device, isFallbackAdapter }: Pick<
    GPUAdapterInfo,
    "description" | "device" | "isFallbackAdapter"
  >,
): boolean {
  return isFallbackAdapter || SOFTWARE.test(`${description} ${device}`);
}

/** Returns whether WGSL has `dot4I8Packed` here. */
export function packedDotProduct(): boolean {
  // Deno's types lack this property.
  const { wgslLanguageFeatures: features } = navigator.gpu as unknown as {
    wgslLanguageFeatures?: ReadonlySet<string>;
  };
  return features?.has("packed_4x8_integer_dot_product") ?? false;
}

/** AMD's PCI number, in decimal as Deno gives it. On Metal it gives 0 for every vendor. */
const AMD = "4098";

/**
 * Returns the ways of dot products that WGSL has here. AMD's first is the unsigned one: its chips before
 * RDNA 2, but for Vega 20, have no instruction for the signed one, and its driver for Windows gives wrong
 * results for it on some of them.
 */
export function dotsOf(vendor: string, edge: boolean): Target["dots"] {
  if (edge || !packedDotProduct()) return [DOT.emulated];
  return vendor === AMD
    ? [DOT.unsigned, DOT.native, DOT.emulated]
    : [DOT.native, DOT.unsigned, DOT.emulated];
}

/**
 * Opens the adapter.
 *
 * @throws DeviceError when there is no adapter, or it cannot be opened
 */
export async function openGpu(options: GpuOptions = {}): Promise<Gpu> {
  const adapter = await requestAdapter();
  if (!adapter) {
    throw new DeviceError(
      "no GPU adapter: expected a Vulkan, Metal or Direct3D 12 driver and found none. " +
        "On Debian or Ubuntu: apt-get install mesa-vulkan-drivers; or go on with --device cpu",
    );
  }
  const edge = (options.limits ?? environment("QTRAIN_TERMS")) === "edge";
  const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      requiredFeatures: adapter.features.has("timestamp-query") ? ["timestamp-query"] : [],
      requiredLimits: edge ? {} : { maxStorageBufferBindingSize, maxBufferSize },
    });
  } catch (error) {
    throw new DeviceError(`cannot open the GPU: ${firstLine(error)}. Use --device cpu`);
  }
  const { vendor, architecture, device: id, description } = adapter.info;
  const info = { vendor, architecture, device: id, description };
  const gpu = {
    device,
    info,
    name: info.description || info.device || info.vendor || "unknown adapter",
    target: { software: isSoftware(adapter.info), dots: dotsOf(vendor, edge) },
  };
  return withDots(gpu, options.dots);
}

/** Returns the GPU with those ways of dot products only; with all of its own if it has none of them. */
export function withDots(gpu: Gpu, wanted: Target["dots"] | undefined): Gpu {
  const [first, ...others] = gpu.target.dots.filter((dot) => wanted?.includes(dot));
  return first === undefined
    ? gpu
    : { ...gpu, target: { ...gpu.target, dots: [first, ...others] } };
}
