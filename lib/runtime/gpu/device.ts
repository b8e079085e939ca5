/**
 * Opens a GPU. Only native drivers (Vulkan, Metal, Direct3D 12) are taken: without one, Deno
 * silently offers OpenGL, which is used only when `DENO_WEBGPU_BACKEND` asks for it by name.
 *
 * @module
 */
import { DeviceError } from "../../core/errors.ts";
import { firstLine } from "./error_scope.ts";

/** A GPU that is ready for work. */
export interface Gpu {
  /** It. */
  readonly device: GPUDevice;
  /** The adapter in words. */
  readonly name: string;
  /** What WebGPU tells of it. */
  readonly info: {
    readonly vendor: string;
    readonly architecture: string;
    readonly device: string;
    readonly description: string;
  };
  /** Whether packed dot products are spelled out in shifts and products. */
  readonly emulateDot: boolean;
}

/** How to open it. */
export interface GpuOptions {
  /**
   * `edge`: base limits and the emulated packed dot product, whatever the adapter could do. Also
   * by `QTRAIN_TERMS=edge`.
   */
  readonly limits?: "adapter" | "edge";
}

const NATIVE = "vulkan,metal,dx12";

/** An environment variable; a denied permission counts as unset. */
export function environment(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    return undefined;
  }
}

/** Whether an environment variable says yes: it is neither empty nor `0`. */
export function isSet(name: string): boolean {
  return !["", "0", undefined].includes(environment(name));
}

function setUnlessSet(name: string, value: string): void {
  try {
    if (!Deno.env.get(name)) Deno.env.set(name, value);
  } catch {
    // Without the permission the defaults stay: two lines of noise, or an OpenGL adapter.
  }
}

/** The adapter, or `null` where there is no native driver. */
export async function requestAdapter(
  powerPreference: GPUPowerPreference = "high-performance",
): Promise<GPUAdapter | null> {
  setUnlessSet("XDG_RUNTIME_DIR", "/"); // Any value silences two lines of the loader's.
  setUnlessSet("DENO_WEBGPU_BACKEND", NATIVE); // Read once a process, at the first request.
  if (!("gpu" in navigator)) return null;
  return await navigator.gpu.requestAdapter({ powerPreference });
}

/** Whether WGSL here has `dot4I8Packed`. */
export function packedDotProduct(): boolean {
  // The types of this Deno do not know the property yet.
  const { wgslLanguageFeatures: features } = navigator.gpu as unknown as {
    wgslLanguageFeatures?: ReadonlySet<string>;
  };
  return features?.has("packed_4x8_integer_dot_product") ?? false;
}

/**
 * Opens the adapter.
 *
 * @throws DeviceError when there is none, or it refuses
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
    throw new DeviceError(`the GPU refuses to open: ${firstLine(error)}. Go on with --device cpu`);
  }
  const { vendor, architecture, device: id, description } = adapter.info;
  const info = { vendor, architecture, device: id, description };
  return {
    device,
    info,
    name: info.description || info.device || info.vendor || "unknown adapter",
    emulateDot: edge || !packedDotProduct(),
  };
}
