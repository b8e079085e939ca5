/**
 * Walks a program on the GPU. Buffers, pipelines and bind groups are made once, before the first
 * step; running encodes dispatches and submits once.
 *
 * @module
 */
import { DeviceError } from "../errors.ts";
import type { Executor } from "../executor.ts";
import { includes, kernels } from "../kernels.ts";
import { type Program, type Step, type Tile, withTile } from "../program.ts";
import type { Gpu } from "./device.ts";
import { type Part, Readback } from "./readback.ts";
import { expand } from "./template.ts";

interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: Step["workgroups"];
}

/** Says which of its tiles a step runs with; a step that is not told of runs as it stands. */
export type ChooseTiles = (
  executor: GpuExecutor,
  steps: readonly Step[],
) => Promise<ReadonlyMap<Step, Tile>>;

interface Binding {
  readonly index: number;
  readonly type: GPUBufferBindingType;
  readonly variable: string;
}

/** The WGSL of a step on a given adapter. */
export function wgsl(step: Step, emulateDot: boolean): string {
  const { source } = kernels[step.kernel]!;
  return expand(source, { ...step.constants, EMULATE: emulateDot ? 1 : 0 }, includes);
}

/** The buffers that a shader declares. */
export function bindings(code: string): Binding[] {
  const declared =
    /@group\(0\) @binding\((\d+)\) var<(uniform|storage, read|storage, read_write)> (\w+)/g;
  return [...code.matchAll(declared)].map(([, index, access, variable]) => ({
    index: Number(index),
    type: access === "uniform"
      ? "uniform"
      : access === "storage, read"
      ? "read-only-storage"
      : "storage",
    variable: variable!,
  }));
}

/** The executor of `--device gpu`. */
export class GpuExecutor implements Executor {
  readonly device = "gpu";
  readonly adapter: string;
  readonly #gpu: GPUDevice;
  readonly #emulateDot: boolean;
  readonly #buffers: GPUBuffer[] = [];
  readonly #parts = new Map<string, Part>();
  readonly #dispatches = new Map<Step, Dispatch>();
  /** By layout of the bindings, and by text. */
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #readback: Readback;
  #failure: string | undefined;
  #closed = false;

  private constructor(gpu: Gpu, staging: readonly number[] = []) {
    this.#gpu = gpu.device;
    this.#emulateDot = gpu.emulateDot;
    this.adapter = gpu.name;
    this.#readback = new Readback(gpu.device, staging, (error) => {
      if (error) this.#failure ??= error;
      this.#throwFailure();
    });
    // Nothing is printed when validation fails unless somebody listens.
    this.#gpu.addEventListener("uncapturederror", (event) => {
      this.#failure ??= (event as GPUUncapturedErrorEvent).error.message;
      event.preventDefault();
    });
    this.#gpu.lost.then((info) => {
      if (!this.#closed) this.#failure ??= `the adapter was lost: ${info.message}`;
    });
  }

  /**
   * Creates all buffers and compiles all pipelines of a program.
   *
   * @param choose may run steps to see which tiles are fast: buffers are zero behind it
   * @throws DeviceError when a buffer exceeds a limit or a shader does not compile
   */
  static async create(gpu: Gpu, program: Program, choose?: ChooseTiles): Promise<GpuExecutor> {
    const steps = Object.values(program.sections).flat() as Step[];
    const executor = new GpuExecutor(gpu, program.staging);
    executor.#createBuffers(program);
    const tiles = await choose?.(executor, steps);
    const ways = steps.map((step) => {
      const tile = tiles?.get(step);
      return tile ? withTile(step, tile) : step;
    });
    await executor.prepare(ways);
    const dispatches = ways.map((way, i) => [steps[i]!, executor.#dispatches.get(way)!] as const);
    // What was compiled to choose from is let go of.
    for (const map of [executor.#dispatches, executor.#pipelines, executor.#layouts]) map.clear();
    for (const [step, dispatch] of dispatches) executor.#dispatches.set(step, dispatch);
    return executor;
  }

  #createBuffers({ buffers, layout }: Program): void {
    const { maxStorageBufferBindingSize: binding, maxBufferSize } = this.#gpu.limits;
    const most = Math.min(binding, maxBufferSize);
    const create = (label: string, size: number) => {
      const { STORAGE, UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage;
      const usage = (label === "step" ? UNIFORM : STORAGE) | COPY_SRC | COPY_DST;
      const buffer = this.#gpu.createBuffer({ label, size, usage });
      this.#buffers.push(buffer);
      return buffer;
    };
    for (const { name, bytes } of buffers) {
      if (bytes > most) {
        throw new DeviceError(
          `buffer ${name} needs ${mib(bytes)} but this adapter's limit is ${mib(most)}; ` +
            "use a smaller batch, smaller images or a narrower network",
        );
      }
    }
    const shared = layout?.regions.map((bytes, i) => create(`region ${i}`, bytes));
    for (const { name, bytes: size } of buffers) {
      const place = layout?.places.get(name);
      const buffer = place ? shared![place.region]! : create(name, size);
      this.#parts.set(name, { buffer, offset: place?.offset ?? 0, size });
    }
  }

  get bytes(): number {
    return this.#buffers.reduce((sum, { size }) => sum + size, this.#readback.bytes);
  }

  /**
   * Compiles what steps need, and binds their buffers. A driver may do its part at the first dispatch.
   *
   * @throws DeviceError when one does not compile
   */
  async prepare(steps: readonly Step[]): Promise<void> {
    const layouts = this.#layouts, pipelines = this.#pipelines;
    const compiled = await Promise.all(steps.map(async (step) => {
      const code = wgsl(step, this.#emulateDot), declared = bindings(code);
      const key = declared.map((d) => `${d.index}${d.type}`).join();
      let layout = layouts.get(key);
      if (!layout) {
        layout = this.#gpu.createBindGroupLayout({
          entries: declared.map(({ index, type }) => ({
            binding: index,
            visibility: GPUShaderStage.COMPUTE,
            buffer: { type },
          })),
        });
        layouts.set(key, layout);
      }
      let pipeline = pipelines.get(code);
      if (!pipeline) {
        pipeline = this.#compile(step.kernel, code, layout);
        pipelines.set(code, pipeline);
      }
      return { step, declared, layout, pipeline: await pipeline };
    }));
    for (const { step, declared, layout, pipeline } of compiled) {
      const entries = declared.map(({ index, variable }) => ({
        binding: index,
        resource: this.#find(step.buffers[variable] ?? variable, step),
      }));
      const group = this.#gpu.createBindGroup({ label: step.kernel, layout, entries });
      this.#dispatches.set(step, { pipeline, group, workgroups: step.workgroups });
    }
  }

  async #compile(
    kernel: string,
    code: string,
    layout: GPUBindGroupLayout,
  ): Promise<GPUComputePipeline> {
    const module = this.#gpu.createShaderModule({ label: kernel, code });
    const { messages } = await module.getCompilationInfo();
    const error = messages.find((message) => message.type === "error");
    if (error) {
      const line = code.split("\n")[error.lineNum - 1]?.trim() ?? "";
      throw new DeviceError(`kernel ${kernel} does not compile: ${error.message} (at "${line}")`);
    }
    try {
      return await this.#gpu.createComputePipelineAsync({
        label: kernel,
        layout: this.#gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: "main" },
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new DeviceError(
        `kernel ${kernel} is refused by the driver: ${why}. Go on with --device cpu`,
      );
    }
  }

  write(buffer: string, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    const part = this.#find(buffer);
    this.#gpu.queue.writeBuffer(part.buffer, part.offset + offset, data);
  }

  run(steps: readonly Step[], clear: readonly string[] = []): void {
    this.#throwFailure();
    const encoder = this.#gpu.createCommandEncoder();
    for (const name of clear) {
      const { buffer, offset, size } = this.#find(name);
      encoder.clearBuffer(buffer, offset, size);
    }
    const pass = encoder.beginComputePass();
    for (const step of steps) this.encode(pass, step);
    pass.end();
    this.#gpu.queue.submit([encoder.finish()]);
  }

  /** Writes a step into a pass: of `run`, or of who measures it (lib/gpu/timing.ts). */
  encode(pass: GPUComputePassEncoder, step: Step): void {
    const dispatch = this.#dispatches.get(step);
    if (!dispatch) throw new Error(`step ${step.kernel} belongs to another program`);
    pass.setPipeline(dispatch.pipeline);
    pass.setBindGroup(0, dispatch.group);
    pass.dispatchWorkgroups(...dispatch.workgroups);
  }

  /** Bytes of a buffer. */
  sizeOf(buffer: string): number {
    return this.#find(buffer).size;
  }

  /** Sets all buffers to zero, as they were at first. */
  clear(): void {
    const encoder = this.#gpu.createCommandEncoder();
    for (const buffer of this.#buffers) encoder.clearBuffer(buffer);
    this.#gpu.queue.submit([encoder.finish()]);
  }

  copy(buffers: readonly string[]): () => Promise<Uint8Array<ArrayBuffer>[]> {
    return this.#readback.copy(buffers.map((name) => this.#find(name)));
  }

  read(buffers: readonly string[]): Promise<Uint8Array<ArrayBuffer>[]> {
    return this.#readback.read(buffers.map((name) => this.#find(name)));
  }

  close(): void {
    this.#closed = true;
    for (const buffer of this.#buffers) buffer.destroy();
    this.#readback.close();
    this.#parts.clear();
    this.#gpu.destroy();
  }

  #find(name: string, step?: Step): Part {
    const found = this.#parts.get(name);
    if (!found) throw new Error(`no buffer is named ${name}${step ? ` (${step.kernel})` : ""}`);
    return found;
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) {
      throw new DeviceError(
        `the GPU failed: ${this.#failure.trim().split("\n")[0]}. ` +
          "A run that has a checkpoint goes on from it with --resume; a smaller batch needs less " +
          "memory; --device cpu needs no GPU",
      );
    }
  }
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
