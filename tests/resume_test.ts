/**
 * What a resumed run believes: its own checkpoints, their figures, and not a summary that is older.
 *
 * @module
 */
import assert from "node:assert/strict";
import { decodeSafetensors, encodeSafetensors } from "../lib/core/safetensors.ts";
import { encodeChecked } from "../lib/train/checkpoint/checksum.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { expectCheckpoint } from "../lib/train/checkpoint/load.ts";
import { openTestedDevice } from "../lib/runtime/open_tested_device.ts";
import type { Program } from "../lib/program/program.ts";
import { HAS_GPU } from "./support/command.ts";
import { inFolder, runOf, type RunOptions, SHORT } from "./support/runs.ts";

const cpu = (out: string, more: RunOptions = {}): RunOptions => ({ device: "cpu", out, ...more });
const TINY = { ...SHORT, train: { ...SHORT.train, max_steps: 12 } };

Deno.test("a finished run that lost its summary gives the same figures again", async () => {
  await inFolder(async (out) => {
    const first = (await runOf(TINY, cpu(out))).end.summary;
    await Deno.remove(`${out}/summary.json`);
    const again = (await runOf(TINY, cpu(out, { resume: true }))).end.summary;
    for (const key of ["train_loss", "test_loss", "test_accuracy", "steps", "status"] as const) {
      assert.equal(again[key], first[key], key);
    }
  });
});

Deno.test("a summary of fewer steps is not taken for the result of a longer run", async () => {
  await inFolder(async (out) => {
    await runOf({ ...SHORT, train: { ...SHORT.train, epochs: 1 } }, cpu(out));
    const old = await Deno.readTextFile(`${out}/summary.json`);
    const longer = await runOf(SHORT, cpu(out, { resume: true }));
    await Deno.writeTextFile(`${out}/summary.json`, old);
    const again = await runOf(SHORT, cpu(out, { resume: true }));
    assert.equal(again.end.summary.steps, 20);
    assert.equal(again.end.summary.test_loss, longer.end.summary.test_loss);
  });
});

Deno.test("a checkpoint of a newer version is refused, not passed over", async () => {
  await inFolder(async (out) => {
    await runOf(TINY, cpu(out));
    const folder = await RunFolder.open(out);
    const newer = encodeSafetensors({}, {
      format: "qtrain",
      format_version: "3",
      qtrain_version: "9.0.0",
      position: "{}",
      recipe: "",
    });
    await folder.writeCheckpoint(99, newer);
    await assert.rejects(runOf(TINY, cpu(out, { resume: true })), {
      name: "UsageError",
      message:
        /expected a checkpoint of version 2 or earlier, got version 3; use qtrain 9\.0\.0 or later/,
    });
    assert.ok((await folder.checkpoints()).length > 1, "the older one is still there");
  });
});

Deno.test("a checkpoint that has lost its ranges is calibrated again, with a warning", async () => {
  await inFolder(async (out) => {
    await runOf(TINY, cpu(out, { stopAt: 4 }));
    const folder = await RunFolder.open(out), [newest] = await folder.checkpoints();
    const { tensors, metadata } = decodeSafetensors(await Deno.readFile(newest!.path), "");
    const kept = Object.entries(tensors).filter(([name]) => !name.startsWith("range."));
    await Deno.writeFile(newest!.path, encodeChecked(Object.fromEntries(kept), metadata));
    const rest = await runOf(TINY, cpu(out, { resume: true }));
    assert.deepEqual(rest.warnings, ["the checkpoint has lost its ranges: calibrating again"]);
    const [first] = rest.events.filter((event) => event.type === "step");
    for (const { quantizer: q, range } of first!.observations) {
      assert.ok(range, `${q.name} has a range in the first step`);
    }
  });
});

Deno.test("a run that resumes on the other kind of device says so; with auto it stays on the CPU", {
  ignore: !HAS_GPU,
}, async () => {
  await inFolder(async (out) => {
    const line = (to: string, from: string) =>
      `resuming on the ${to} (was the ${from}): the last digits of results may differ from those ` +
      "of a run on one device";
    const to = async (max_steps: number, device: "gpu" | "cpu", resume = true) => {
      const recipe = { ...SHORT, train: { ...SHORT.train, max_steps } };
      const { warnings } = await runOf(recipe, { out, device, resume });
      return warnings.filter((text) => !text.includes("max_steps"));
    };
    assert.deepEqual(await to(4, "cpu", false), []);
    assert.deepEqual(await to(6, "cpu"), []);
    assert.deepEqual(await to(8, "gpu"), [line("GPU", "CPU")]);
    assert.deepEqual(await to(10, "gpu"), []);
    assert.deepEqual(await to(12, "cpu"), [line("CPU", "GPU")]);
    const { trainerState } = await expectCheckpoint(await RunFolder.open(out));
    assert.equal(trainerState.device, "cpu");
    const program = { arithmetic: "int8", sections: {} } as Program;
    const device = await openTestedDevice("auto", program, { before: trainerState.device });
    assert.equal(device.kind, "cpu");
  });
});
