/**
 * Opens a device for a run. OpenGL, which only `DENO_WEBGPU_BACKEND` brings in, must pass the
 * self-test before it computes in int8: such drivers are the least tested ones.
 *
 * @module
 */
import { DeviceError } from "../errors.ts";
import { environment } from "../gpu/device.ts";
import { selfTest } from "../model/self_test.ts";
import { type Device, type DeviceChoice, type DeviceOptions, openDevice } from "../open_device.ts";
import type { Program } from "../program.ts";

/**
 * Opens a device that may compute in `arithmetic`.
 *
 * @throws DeviceError when there is none, or its self-test fails
 */
export async function openCheckedDevice(
  choice: DeviceChoice = "auto",
  arithmetic: Program["arithmetic"],
  options: DeviceOptions = {},
): Promise<Device> {
  const device = await openDevice(choice, options);
  if (device.kind === "cpu" || arithmetic !== "int8" || !mayBeOpenGl()) return device;
  const wrong = (await selfTest(options)).filter((r) => r.result === "wrong");
  if (wrong.length > 0) {
    const names = [...new Set(wrong.map((r) => r.kernel))].join(", ");
    throw new DeviceError(
      `${device.name} through OpenGL: expected every kernel to give its known answers, found wrong ` +
        `ones from ${names}. Install a Vulkan driver and unset DENO_WEBGPU_BACKEND, or go on ` +
        `with --device cpu`,
    );
  }
  return device;
}

/** Whether the environment lets wgpu choose OpenGL; what it chose, an adapter does not tell. */
function mayBeOpenGl(): boolean {
  const backends = environment("DENO_WEBGPU_BACKEND");
  // Neither set nor readable (no permission for it): wgpu chose for itself.
  if (!backends) return true;
  return backends.toLowerCase().split(",").some((name) =>
    ["gl", "gles", "opengl"].includes(name.trim())
  );
}
