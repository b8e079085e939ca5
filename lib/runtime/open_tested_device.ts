/**
 * Opens a device whose kernels have passed the self-test, because drivers do have bugs. OpenGL, which
 * only `DENO_WEBGPU_BACKEND` selects, is always tested before it computes in int8, because its drivers
 * are the least tested.
 *
 * @module
 */
import { DeviceError } from "../core/errors.ts";
import { environment, isSet } from "./gpu/device.ts";
import {
  rememberDots,
  rememberedDots,
  rememberPassed,
  untestedKernels,
} from "./self_test/cache.ts";
import { testDots } from "./self_test/dot_products.ts";
import { selfTest } from "./self_test/self_test.ts";
import { type AutoOptions, openAuto } from "./choose_device.ts";
import { type Device, type DeviceChoice, openDevice } from "./device.ts";
import type { Program } from "../program/program.ts";

/** What computes each way of dot products (`DOT`), for messages. */
const FUNCTIONS = ["dot4I8Packed", "dot4U8Packed", "single products"];

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
 * Opens a device that has passed the self-test for `program`. A way of dot products that gives wrong
 * results is not used, with a warning when that is found; it is remembered with the kernels.
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
  if (!device.gpu) return device;
  const isRequested = options.selfTest === true && !isSet("QTRAIN_NO_SELF_TEST");
  const isTested = isRequested || program.arithmetic === "int8" && mayBeOpenGl();
  return isTested ? await tested(device, program, options, isRequested) : device;
}

/**
 * Tests a GPU. Where a kernel with dot products is wrong it goes on with the next way of them.
 *
 * @param remember whether to write the cache
 * @throws DeviceError when kernels are wrong in every way
 */
async function tested(
  opened: Device,
  program: Program,
  options: TestedDeviceOptions,
  remember: boolean,
): Promise<Device> {
  const { arithmetic } = program;
  let device = arithmetic === "int8" ? await withRightDots(opened, options, remember) : opened;
  let defect: string | undefined;
  for (;;) {
    const gpu = device.gpu!, [dot, next, ...others] = gpu.target.dots;
    const kernels = await untestedKernels(program, gpu);
    if (kernels.size === 0) return device;
    const found = await selfTest({ ...options, dots: gpu.target.dots }, { arithmetic, kernels });
    const names = new Set(found.filter((c) => c.result === "wrong").map((c) => c.kernel));
    if (names.size === 0) {
      if (remember) await rememberPassed(arithmetic, kernels, gpu);
      if (defect !== undefined) {
        if (remember) await rememberDots(gpu, gpu.target.dots);
        warnOfDots(device.name, defect, dot, options);
      }
      return device;
    }
    gpu.device.destroy();
    const wrong = [...kernels].filter(({ name }) => names.has(name));
    const list = [...names].join(", ");
    const isOfDots = arithmetic === "int8" &&
      wrong.every(({ constants }) => constants.DOT === "tile");
    if (next === undefined || !isOfDots) {
      throw failed(device.name, list, arithmetic === "int8" && mayBeOpenGl());
    }
    defect ??= `wrong results from ${list} with ${FUNCTIONS[dot]}`;
    device = await openDevice("gpu", { ...options, dots: [next, ...others] });
  }
}

/** Tests the ways of dot products, if that was not done before, and returns the GPU with the right ones. */
async function withRightDots(
  device: Device,
  options: TestedDeviceOptions,
  remember: boolean,
): Promise<Device> {
  const gpu = device.gpu!, known = await rememberedDots(gpu), before = gpu.target.dots;
  if (known ? known.fresh : before.length === 1) return device;
  const results = await testDots(options), [best] = results.keys();
  const [first, ...others] = [...results].flatMap(([dot, isRight]) => isRight ? [dot] : []);
  // Where none is right, the test of the kernels says so.
  if (first === undefined || results.size === 1) return device;
  if (remember) await rememberDots(gpu, [first, ...others]);
  const dots = [first, ...others] as const;
  if (String(dots) === String(before)) return device;
  if (best !== undefined && best !== first && best === before[0]) {
    warnOfDots(device.name, `wrong results from ${FUNCTIONS[best]}`, first, options);
  }
  gpu.device.destroy();
  return await openDevice("gpu", { ...options, dots });
}

function warnOfDots(name: string, what: string, next: number, { warn }: TestedDeviceOptions): void {
  warn?.(
    `${name}: self-test: ${what}, a defect of the driver. qtrain uses ${
      FUNCTIONS[next]
    } instead: ` +
      "the same results, perhaps slower; a newer driver may be right",
  );
}

/** Returns the error that ends a training before its first step. */
function failed(name: string, kernels: string, openGl: boolean): DeviceError {
  return new DeviceError(
    `${name}${openGl ? " through OpenGL" : ""}: self-test failed: wrong results from ${kernels}. ` +
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
