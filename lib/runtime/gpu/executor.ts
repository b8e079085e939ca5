/**
 * Runs a program on the GPU. All buffers are created at the start, pipelines and bind groups before the
 * first run of their steps; a run encodes all dispatches and submits once.
 *
 * @module
 */
import type { Copies, Executor, ExecutorOptions } from "../executor.ts";
import {
  DOT,
  isOperand,
  type Kernel,
  OPERANDS_BYTES,
  type Target,
} from "../../../kernels/define_kernel.ts";
import { includes } from "../../../kernels/include/mod.ts";
import {
  allSteps,
  type Bound,
  boundBuffers,
  type Program,
  type Step,
} from "../../program/program.ts";
import { createBuffers, OPERANDS, type ProgramBuffers } from "./buffers.ts";
import type { Gpu } from "./device.ts";
import { DeviceErrors } from "./device_errors.ts";
import { type BufferSlice, Readback } from "./readback.ts";
import { withErrorScope } from "./error_scope.ts";
import { expand } from "./wgsl_template.ts";
import { givenTile, type Tile, tilesOf, wholeStep } from "./tile.ts";
import type { WatchdogListener } from "./watchdog.ts";

interface Dispatch {
  /** Of the entry points `main` and, where the kernel has it, `join`. */
  readonly pipelines: readonly GPUComputePipeline[];
  readonly group: GPUBindGroup;
  readonly tile: Tile;
}

/** Selects a tile per step; steps that are not in the result use their default tile. */
export type ChooseTiles = (
  executor: GpuExecutor,
  steps: readonly Step[],
) => Promise<ReadonlyMap<Step, Tile>>;

const REMEDY = "Use --device cpu";

/** `@binding` of a step's operands, after all of its buffers. */
const OPERANDS_BINDING = 15;

/** Returns the WGSL of a step on a given adapter, and the names of its operands in their order. */
export function shader(
  { kernel, constants }: Step,
  tile: Tile,
  target: Target,
): { readonly code: string; readonly operands: readonly string[] } {
  const EMULATE = target.dots[0] === DOT.emulated ? 1 : 0;
  const values = { ...constants, ...tile.constants, EMULATE };
  const expanded = expand(kernel.gpu.source, values, includes, (name) => isOperand(kernel, name));
  const { code, operands } = expanded;
  if (operands.length === 0) return expanded;
  // Operands are read at an offset from the step's uniform. With uniforms at constant offsets, lavapipe
  // (Mesa 22.3) compiles loops again at every dispatch and frees nothing, 1.7 MB a step of a small network.
  // Kernels without the step's uniform have no such loop.
  const origin = "step" in kernel.buffers ? " + step.origin" : "";
  const functions = operands.map((name, i) =>
    `fn operand_${name}() -> u32 { return operands[${i >> 2}u${origin}].${"xyzw"[i & 3]}; }`
  );
  const size = OPERANDS_BYTES / 16;
  const block =
    `@group(0) @binding(${OPERANDS_BINDING}) var<uniform> operands: array<vec4<u32>, ${size}>;\n`;
  return { code: [code, block, ...functions, ""].join("\n"), operands };
}

/** Returns the WGSL of a step on a given adapter, with the tile that it was given, or its default. */
export function wgsl(step: Step, target: Target): string {
  return shader(step, givenTile(step) ?? tilesOf(step, target)[0]!, target).code;
}

const BINDING_TYPES = { read: "read-only-storage", write: "storage", uniform: "uniform" } as const;

/** A buffer in a bind group layout. */
interface Binding {
  readonly binding: number;
  readonly type: GPUBufferBindingType;
}

/** The executor of `--device gpu`. */
export class GpuExecutor implements Executor {
  readonly device = "gpu";
  /** Deno sleeps for about 10 ms in a wait. */
  readonly idleWait = 0.015;
  readonly adapter: string;
  readonly #gpu: GPUDevice;
  readonly #target: Target;
  readonly #buffers: readonly GPUBuffer[];
  readonly #slices: ReadonlyMap<string, BufferSlice>;
  /** Index of each step in the program, which is the index of its operands. */
  readonly #indexOf: ReadonlyMap<Step, number>;
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  /** Pipelines by their WGSL. */
  readonly #pipelines = new Map<string, Promise<readonly GPUComputePipeline[]>>();
  readonly #prepared = new Map<Step, Promise<void>>();
  readonly #dispatches = new Map<Step, Dispatch>();
  /** Tiles of steps that do not use their default tile. */
  readonly #chosen = new Map<Step, Tile>();
  readonly #readback: Readback;
  readonly #failures: DeviceErrors;
  readonly #watch: WatchdogListener | undefined;

  private constructor(
    gpu: Gpu,
    program: Program,
    failures: DeviceErrors,
    { buffers, slices, staging }: ProgramBuffers,
    watch: WatchdogListener | undefined,
  ) {
    this.#gpu = gpu.device;
    this.adapter = gpu.name;
    this.#target = gpu.target;
    const steps = allSteps(program);
    this.#indexOf = new Map(steps.map((step, place) => [step, place]));
    this.#failures = failures;
    this.#watch = watch;
    this.#buffers = buffers;
    this.#slices = slices;
    this.#readback = new Readback(gpu.device, staging, (map) => this.#wait(map));
  }

  /**
   * Creates all buffers and compiles all pipelines of a program.
   *
   * @param choose selects tiles; it may run steps to time them, and must leave the buffers zero
   * @param watch kills the process when the GPU hangs
   * @throws DeviceMemoryError when a buffer exceeds a limit or does not fit; DeviceError when a shader
   * does not compile
   */
  static async create(
    gpu: Gpu,
    program: Program,
    { lazily = false }: ExecutorOptions = {},
    choose?: ChooseTiles,
    watch?: WatchdogListener,
  ): Promise<GpuExecutor> {
    let executor: GpuExecutor | undefined;
    const failures = new DeviceErrors(gpu.device, (pass, step) => executor?.encode(pass, step));
    try {
      const buffers = await createBuffers(gpu.device, program);
      executor = new GpuExecutor(gpu, program, failures, buffers, watch);
      const steps = [...executor.#indexOf.keys()];
      for (const [step, tile] of await choose?.(executor, steps) ?? []) {
        executor.#chosen.set(step, tile);
      }
      if (!lazily) await executor.ready(steps);
      return executor;
    } catch (error) {
      failures.close();
      watch?.close();
      if (executor) executor.close();
      else gpu.device.destroy();
      throw error;
    }
  }

  get bytes(): number {
    return this.#buffers.reduce((sum, { size }) => sum + size, this.#readback.bytes);
  }

  async ready(steps: readonly Step[]): Promise<void> {
    const missing = steps.filter((step) => !this.#dispatches.has(step));
    await Promise.all(missing.map((step) => {
      let prepared = this.#prepared.get(step);
      if (!prepared) this.#prepared.set(step, prepared = this.#prepare(step));
      return prepared;
    }));
  }

  /** Compiles a step's pipeline, unless another step has the same, and binds its buffers. */
  async #prepare(step: Step): Promise<void> {
    const { kernel } = step, place = this.#indexOf.get(step) ?? this.#indexOf.get(wholeStep(step));
    if (place === undefined) throw new Error(`step ${kernel.name} belongs to another program`);
    const tile = this.tileOf(step);
    const { code, operands } = shader(step, tile, this.#target), bound = boundBuffers(step);
    const declared = bound.map(({ binding, access }: Bound): Binding => ({
      binding,
      type: BINDING_TYPES[access],
    }));
    const entries: GPUBindGroupEntry[] = bound.map(({ binding, name }) => ({
      binding,
      resource: this.#find(name, step),
    }));
    if (operands.length > 0) {
      declared.push({ binding: OPERANDS_BINDING, type: "uniform" });
      const { buffer } = this.#find(OPERANDS), offset = OPERANDS_BYTES * place;
      const resource = { buffer, offset, size: OPERANDS_BYTES };
      entries.push({ binding: OPERANDS_BINDING, resource });
      const all = { ...step.constants, ...tile.constants };
      this.#gpu.queue.writeBuffer(buffer, offset, Uint32Array.from(operands, (n) => all[n]!));
    }
    const { made, error } = await withErrorScope(this.#gpu, () => {
      const layout = this.#layout(declared);
      const group = this.#gpu.createBindGroup({ label: kernel.name, layout, entries });
      return { layout, group };
    });
    if (error) {
      const what = `kernel ${kernel.name} of ${step.layer} is refused`;
      throw await this.#failures.refused(error.message, what, REMEDY);
    }
    let pipelines = this.#pipelines.get(code);
    if (!pipelines) {
      this.#pipelines.set(code, pipelines = this.#compile(kernel, code, made.layout));
    }
    this.#dispatches.set(step, { pipelines: await pipelines, group: made.group, tile });
  }

  #layout(declared: readonly Binding[]): GPUBindGroupLayout {
    const key = declared.map((d) => `${d.binding}${d.type}`).join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      const entries = declared.map(({ binding, type }) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type },
      }));
      this.#layouts.set(key, layout = this.#gpu.createBindGroupLayout({ entries }));
    }
    return layout;
  }

  /** Compiles the entry points of a kernel: `main` and, where it has it, `join`. */
  async #compile(
    { name, gpu }: Kernel,
    code: string,
    layout: GPUBindGroupLayout,
  ): Promise<readonly GPUComputePipeline[]> {
    const { made: [module, pipelineLayout], error: refused } = await withErrorScope(
      this.#gpu,
      () =>
        [
          this.#gpu.createShaderModule({ label: name, code }),
          this.#gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
        ] as const,
    );
    const { messages } = await module.getCompilationInfo();
    const error = messages.find((message) => message.type === "error");
    if (error) {
      const line = code.split("\n")[error.lineNum - 1]?.trim() ?? "";
      const what = `kernel ${name} does not compile, at "${line}"`;
      throw await this.#failures.refused(error.message, what, REMEDY);
    }
    try {
      if (refused) throw new Error(refused.message);
      const points = gpu.join ? ["main", "join"] : ["main"];
      return await Promise.all(points.map((entryPoint) =>
        this.#gpu.createComputePipelineAsync({
          label: name,
          layout: pipelineLayout,
          compute: { module, entryPoint },
        })
      ));
    } catch (error) {
      const what = `kernel ${name} is refused by the driver`;
      throw await this.#failures.refused(error, what, REMEDY);
    }
  }

  write(buffer: string, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    const part = this.#find(buffer);
    this.#gpu.queue.writeBuffer(part.buffer, part.offset + offset, data);
  }

  run(
    steps: readonly Step[],
    clear: readonly string[] = [],
    copied: readonly string[] = [],
  ): Copies {
    // Finding the kernel that failed takes a moment, so the error is thrown where the copies are awaited.
    if (this.#failures.any) return () => this.#failures.check().then(() => []);
    const encoder = this.#gpu.createCommandEncoder();
    for (const name of clear) {
      const { buffer, offset, size } = this.#find(name);
      encoder.clearBuffer(buffer, offset, size);
    }
    const pass = encoder.beginComputePass();
    for (const step of steps) this.encode(pass, step);
    pass.end();
    const copies = this.#readback.copy(encoder, copied.map((name) => this.#find(name)));
    // A single submit: lavapipe runs them one after the other, and a second one would block until the first ends.
    this.#failures.track(steps);
    this.#watch?.beginSubmit();
    this.#gpu.queue.submit([encoder.finish()]);
    this.#watch?.endSubmit();
    return copies;
  }

  /** Waits for all submitted steps. @throws DeviceError when one failed or the adapter is lost */
  async #wait(map: () => Promise<void>): Promise<void> {
    this.#watch?.beginWait();
    try {
      await map();
    } catch (error) {
      throw await this.#failures.refused(error, "the GPU failed");
    } finally {
      this.#watch?.endWait();
    }
    await this.#failures.check();
  }

  /** Encodes a step into a pass: that of `run`, or of a timer (lib/runtime/gpu/timing.ts). */
  encode(pass: GPUComputePassEncoder, step: Step): void {
    const dispatch = this.#dispatches.get(step);
    if (!dispatch) throw new Error(`step ${step.kernel.name} of ${step.layer} is not ready`);
    const { pipelines: [main, join], group, tile } = dispatch;
    pass.setPipeline(main!);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...tile.workgroups);
    if (!join || !tile.join) return;
    pass.setPipeline(join);
    pass.dispatchWorkgroups(...tile.join);
  }

  /** The tile of a step: the one that it was given, else the chosen one, else the adapter's default. */
  tileOf(step: Step): Tile {
    return givenTile(step) ?? this.#chosen.get(step) ?? tilesOf(step, this.#target)[0]!;
  }

  /** Bytes of a buffer. */
  sizeOf(buffer: string): number {
    return this.#find(buffer).size;
  }

  /** Sets all buffers to zero, as at the start, except the operands of steps. */
  clear(): void {
    const encoder = this.#gpu.createCommandEncoder();
    for (const buffer of this.#buffers) {
      if (buffer.label !== OPERANDS) encoder.clearBuffer(buffer);
    }
    this.#gpu.queue.submit([encoder.finish()]);
  }

  read(buffers: readonly string[]): Promise<Uint8Array<ArrayBuffer>[]> {
    return this.#readback.read(buffers.map((name) => this.#find(name)));
  }

  close(): void {
    this.#failures.close();
    this.#watch?.close();
    for (const buffer of this.#buffers) buffer.destroy();
    this.#readback.close();
    this.#gpu.destroy();
  }

  #find(name: string, step?: Step): BufferSlice {
    const found = this.#slices.get(name);
    if (!found) {
      throw new Error(`no buffer is named ${name}${step ? ` (${step.kernel.name})` : ""}`);
    }
    return found;
  }
}
