/**
 * An adapter that goes away in mid-run.
 *
 * @module
 */
import assert from "node:assert/strict";
import { openGpu, requestAdapter } from "../lib/gpu/device.ts";
import { GpuExecutor } from "../lib/gpu/executor.ts";
import { RunFolder } from "../lib/train/run_folder.ts";
import { train } from "../lib/train/train.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

Deno.test({
  name: "a lost adapter ends the run in one line, and the run goes on from its checkpoint",
  ignore: await requestAdapter() === null,
  fn: () =>
    inFolder(async (out) => {
      const gpu = await openGpu();
      const opened = {
        kind: "gpu" as const,
        name: gpu.name,
        createExecutor: (program: Parameters<typeof GpuExecutor.create>[1]) =>
          GpuExecutor.create(gpu, program),
      };
      const folder = await RunFolder.create({ out, name: "run", resume: false });
      const lose = async () => {
        for await (const event of train(SHORT, { opened, folder })) {
          if (event.type === "step" && event.step === 12) gpu.device.destroy();
        }
      };
      await assert.rejects(lose(), (error: Error) => {
        assert.equal(error.name, "DeviceError");
        assert.match(error.message, /^the GPU failed: .*--resume/);
        assert.equal(error.message.includes("\n"), false);
        return true;
      });
      assert.deepEqual((await folder.checkpoints()).map((c) => c.step), [10]);
      const again = await runOf(SHORT, { out, resume: true });
      assert.equal(again.end.summary.status, "done");
    }),
});
