/**
 * No kernel writes past the end of a buffer, on either kind of adapter, also where a dispatch is folded
 * into two dimensions and so has workgroups past the last one.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { DOT } from "../kernels/define_kernel.ts";
import { boundBuffers, type Step } from "../lib/program/program.ts";
import { openGpu, requestAdapter } from "../lib/runtime/gpu/device.ts";
import { GpuExecutor } from "../lib/runtime/gpu/executor.ts";
import { type Tile, withTile } from "../lib/runtime/gpu/tile.ts";
import { accessesPastEnd } from "./support/bounds.ts";
import { CASES } from "./support/cases.ts";
import { filled } from "./support/fill.ts";
import { allSteps } from "./support/lockstep_all.ts";
import type { Case } from "./support/networks.ts";
import { everyTile, HARDWARE, SOFTWARE } from "./support/tiles.ts";

const ignore = await requestAdapter() === null;

/** One more row of workgroups, for kernels whose dispatches are folded. */
function withOneMore(step: Step, tile: Tile): Step {
  const isFolded = /\b(grid|threads|convWorkgroups)\(/.test(String(step.kernel.gpu.workgroups));
  const [x, y, z] = tile.workgroups;
  return withTile(step, { ...tile, workgroups: [x, isFolded ? y + 1 : y, z] });
}

/** Adapters of both kinds, with one way of dot products, which makes no difference here. */
const TARGETS = [SOFTWARE, HARDWARE].map((target) => ({ ...target, dots: [DOT.native] as const }));

/** Runs the first steps of each kernel, in all shapes of tiles. @returns the kernels that write too far */
function wrongKernels(test: Case): Promise<string[]> {
  return accessesPastEnd(async () => {
    const { program, cpu } = await filled(test, "int8"), gpu = await openGpu();
    const executor = await GpuExecutor.create(gpu, program, { lazily: true });
    const seen = new Set<string>();
    for (const step of allSteps(program)) {
      const kind = `${step.kernel.name} ${step.constants.SUMS}`;
      for (const tile of seen.has(kind) ? [] : everyTile(step, TARGETS)) {
        const way = withOneMore(step, tile);
        await executor.ready([way]);
        for (const { name, access } of boundBuffers(step)) {
          if (access !== "uniform") executor.write(name, cpu.memory.get(name)!.bytes);
        }
        executor.run([way]);
      }
      seen.add(kind);
      cpu.run([step]);
    }
    return gpu.device;
  });
}

for (const name of ["ragged channels, every stride, pools", "depthwise: several tiles"]) {
  Deno.test({
    name: `no kernel writes past the end of a buffer: ${name}`,
    ignore,
    fn: async () => {
      const test = CASES.find((test) => test.name.startsWith(name))!;
      assert.deepEqual(await wrongKernels(test), []);
    },
  });
}
