/**
 * Opens a device for a run, which must give known answers first: drivers are wrong more often than one
 * thinks. OpenGL, which only `DENO_WEBGPU_BACKEND` brings in, is always asked before it computes in
 * int8: such drivers are the least tested ones.
 *
 * @module
 */
import { DeviceError } from "../core/errors.ts";
import { environment, isSet } from "./gpu/device.ts";
import { rememberPassed, untestedKernels } from "./self_test/cache.ts";
import { selfTest } from "./self_test/self_test.ts";
import { type Device, type DeviceChoice, type DeviceOptions, openDevice } from "./device.ts";
import type { Program } from "../program/program.ts";

/** How to open it. */
export interface TestedDeviceOptions extends DeviceOptions {
  /**
   * Whether kernels are asked that this adapter has not answered rightly before; false by default.
   * Writes the user's cache folder, and asks each time where that is denied. `QTRAIN_NO_SELF_TEST=1`
   * asks nothing.
   */
  readonly selfTest?: boolean;
}

/**
 * Opens a device that may run `program`.
 *
 * @throws DeviceError when there is none, or its self-test fails
 */
export async function openTestedDevice(
  choice: DeviceChoice = "auto",
  program: Pick<Program, "arithmetic" | "sections">,
  options: TestedDeviceOptions = {},
): Promise<Device> {
  const device = await openDevice(choice, options), { gpu } = device;
  if (!gpu) return device;
  const { arithmetic } = program, openGl = arithmetic === "int8" && mayBeOpenGl();
  const asks = options.selfTest === true && !isSet("QTRAIN_NO_SELF_TEST");
  if (!asks && !openGl) return device;
  const kernels = await untestedKernels(program, gpu);
  if (kernels.size === 0) return device;
  const wrong = (await selfTest(options, { arithmetic, kernels })).filter((r) =>
    r.result === "wrong"
  );
  if (wrong.length === 0) {
    if (asks) await rememberPassed(arithmetic, kernels, gpu);
    return device;
  }
  gpu.device.destroy();
  const names = [...new Set(wrong.map((r) => r.kernel))].join(", ");
  throw new DeviceError(
    `${device.name}${openGl ? " through OpenGL" : ""}: expected every kernel to give its known ` +
      `answers, found wrong ones from ${names}. ` +
      (openGl
        ? "Install a Vulkan driver and unset DENO_WEBGPU_BACKEND"
        : "Update the driver (qtrain doctor asks every kernel; QTRAIN_NO_SELF_TEST=1 trains all the same)") +
      ", or go on with --device cpu",
  );
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
