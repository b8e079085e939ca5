/**
 * Opens a device whose kernels have passed the self-test, because drivers do have bugs. OpenGL, which
 * only `DENO_WEBGPU_BACKEND` selects, is always tested before it computes in int8, because its drivers
 * are the least tested.
 *
 * @module
 */
import { DeviceError } from "../core/errors.ts";
import { environment, isSet } from "./gpu/device.ts";
import { rememberPassed, untestedKernels } from "./self_test/cache.ts";
import { selfTest } from "./self_test/self_test.ts";
import { type AutoOptions, openAuto } from "./choose_device.ts";
import { type Device, type DeviceChoice, openDevice } from "./device.ts";
import type { Program } from "../program/program.ts";

/** Options of a tested device. */
interface TestedDeviceOptions extends AutoOptions {
  /**
   * Whether to test kernels that have not passed on this adapter before; false by default. Writes the
   * user's cache folder; if that is denied, tests each time. `QTRAIN_NO_SELF_TEST=1` turns the test
   * off.
   */
  readonly selfTest?: boolean;
}

/**
 * Opens a device that has passed the self-test for `program`.
 *
 * @throws DeviceError when there is no device, or its self-test fails
 */
export async function openTestedDevice(
  choice: DeviceChoice = "auto",
  program: Program,
  options: TestedDeviceOptions = {},
): Promise<Device> {
  const device = choice === "auto"
    ? await openAuto(program, options)
    : await openDevice(choice, options);
  const { gpu } = device;
  if (!gpu) return device;
  const { arithmetic } = program, openGl = arithmetic === "int8" && mayBeOpenGl();
  const isRequested = options.selfTest === true && !isSet("QTRAIN_NO_SELF_TEST");
  if (!isRequested && !openGl) return device;
  const kernels = await untestedKernels(program, gpu);
  if (kernels.size === 0) return device;
  const wrong = (await selfTest(options, { arithmetic, kernels })).filter((r) =>
    r.result === "wrong"
  );
  if (wrong.length === 0) {
    if (isRequested) await rememberPassed(arithmetic, kernels, gpu);
    return device;
  }
  gpu.device.destroy();
  const names = [...new Set(wrong.map((r) => r.kernel))].join(", ");
  throw new DeviceError(
    `${device.name}${openGl ? " through OpenGL" : ""}: self-test failed: wrong results from ` +
      `${names}. ` +
      (openGl
        ? "Install a Vulkan driver and unset DENO_WEBGPU_BACKEND"
        : "Update the driver (qtrain doctor tests every kernel; QTRAIN_NO_SELF_TEST=1 trains anyway)") +
      ", or use --device cpu",
  );
}

/** Returns whether wgpu may have chosen OpenGL: the adapter does not tell, so the environment decides. */
function mayBeOpenGl(): boolean {
  const backends = environment("DENO_WEBGPU_BACKEND");
  // Not set, or no permission to read it: wgpu chooses, and may choose OpenGL.
  if (!backends) return true;
  return backends.toLowerCase().split(",").some((name) =>
    ["gl", "gles", "opengl"].includes(name.trim())
  );
}
