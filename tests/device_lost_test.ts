/**
 * An adapter that goes away in mid-run: it is opened again, and the run goes on from its checkpoint as if
 * nothing had been.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DeviceError, DeviceLostError } from "../lib/core/errors.ts";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";
import { type Device, openDevice } from "../lib/runtime/device.ts";
import type { TrainEvent } from "../lib/train/events.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { train } from "../lib/train/train.ts";
import type { TrainOptions } from "../lib/train/options.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

const ignore = await requestAdapter() === null;

/** With the scheduler on the host a run waits for every step, so a loss comes right after its event. */
const RECIPE: RecipeInput = { ...SHORT, quantize: { scheduler: "host" } };

/** Devices that tests may destroy. */
class Losing {
  #now: GPUDevice | undefined;
  /** Times that it was opened again. */
  opened = 0;
  /** Times that it does not come back at first. */
  away = 0;

  async device(): Promise<Device> {
    return this.#watched(await openDevice("gpu"));
  }

  lose(): void {
    this.#now!.destroy();
  }

  #watched(device: Device): Device {
    this.#now = device.gpu!.device;
    return {
      ...device,
      reopen: async () => {
        if (this.away-- > 0) throw new DeviceError("no GPU adapter");
        this.opened++;
        return this.#watched(await device.reopen!());
      },
    };
  }
}

interface Told {
  readonly events: TrainEvent[];
  readonly warnings: string[];
}

/** Trains in `out`, losing the device behind events that `when` names. */
async function losing(
  out: string | undefined,
  adapter: Losing,
  when: (event: TrainEvent) => boolean,
  told: Told = { events: [], warnings: [] },
): Promise<Told> {
  const options: TrainOptions = {
    opened: await adapter.device(),
    warn: (text) => void told.warnings.push(text),
    ...(out ? { folder: await RunFolder.create({ out, name: "run", resume: false }) } : {}),
  };
  for await (const event of train(RECIPE, options)) {
    told.events.push(event);
    if (when(event)) adapter.lose();
  }
  return told;
}

/** Lines of a log without what a clock decides. */
async function log(out: string, name: string): Promise<unknown[]> {
  const text = await Deno.readTextFile(`${out}/${name}`);
  return text.trim().split("\n").map((line) => {
    const { seconds: _, images_per_second: __, data_wait_share: ___, ...rest } = JSON.parse(line);
    return rest;
  });
}

async function bytesOf(out: string): Promise<Map<string, Uint8Array>> {
  const files = (await Array.fromAsync(Deno.readDir(`${out}/checkpoints`))).map((f) => f.name);
  return new Map(
    await Promise.all(
      files.sort().map(async (name) =>
        [name, await Deno.readFile(`${out}/checkpoints/${name}`)] as const
      ),
    ),
  );
}

const nth = (steps: readonly number[]) => {
  const left = [...steps];
  return (event: TrainEvent) => {
    if (event.type !== "step" || event.step !== left[0]) return false;
    left.shift();
    return true;
  };
};

Deno.test({
  name: "a run that loses its adapter three times gives the bits of one that never lost it",
  ignore,
  fn: () =>
    inFolder(async (out) => {
      const whole = await runOf(RECIPE, { out: `${out}-whole` });
      const adapter = new Losing();
      // In an epoch, again after going on, and at the epoch's end, before it is evaluated.
      const { events, warnings } = await losing(out, adapter, nth([12, 15, 20]));
      assert.equal(adapter.opened, 3);
      assert.equal(warnings.length, 3);
      for (const [i, text] of warnings.entries()) {
        assert.match(
          text,
          /^the adapter was lost \(.+\): opened it again, resuming from step 10 \(\d of 3 times\)$/,
        );
        assert.ok(text.includes(`(${i + 1} of 3`));
      }
      const end = events.at(-1);
      assert.ok(end?.type === "end" && end.summary.status === "done" && end.summary.steps === 20);
      assert.deepEqual(end.state, whole.end.state);
      assert.deepEqual(await bytesOf(out), await bytesOf(`${out}-whole`));
      for (const name of ["metrics.jsonl", "ranges.jsonl"]) {
        assert.deepEqual(await log(out, name), await log(`${out}-whole`, name));
      }
      const starts = events.flatMap((e) => e.type === "start" ? [e.resumedFrom] : []);
      assert.deepEqual(starts, [0, 10, 10, 10], "where steps begin that are told again");
    }),
});

Deno.test({
  name: "an adapter that is lost a fourth time ends the run in one line with its checkpoint",
  ignore,
  fn: () =>
    inFolder(async (out) => {
      const adapter = new Losing(), told: Told = { events: [], warnings: [] };
      const run = losing(out, adapter, (e) => e.type === "step" && e.step > 10, told);
      await assert.rejects(run, (error: Error) => {
        assert.ok(error instanceof DeviceLostError && error.exitCode === 1);
        assert.match(
          error.message,
          /^the adapter was lost \(.+\), after .* 3 times\. .* from step 10 with --resume; --device cpu/,
        );
        assert.equal(error.message.includes("\n"), false);
        return true;
      });
      assert.equal(told.warnings.length, 3);
      const again = await runOf(RECIPE, { out, resume: true });
      assert.equal(again.end.summary.status, "done");
    }),
});

Deno.test({
  name: "an adapter that does not come back at once is asked again; each time counts",
  ignore,
  fn: () =>
    inFolder(async (out) => {
      const adapter = new Losing();
      adapter.away = 1;
      const { events, warnings } = await losing(out, adapter, nth([12]));
      assert.equal(events.at(-1)!.type, "end");
      assert.equal(warnings.length, 1);
      assert.match(warnings[0]!, /\(no GPU adapter\).*\(2 of 3 times\)$/);
    }),
});

Deno.test({
  name: "without a folder or a checkpoint a lost adapter ends the run in one line",
  ignore,
  fn: () =>
    inFolder(async (out) => {
      for (const [where, step] of [[undefined, 12], [out, 5]] as const) {
        const run = losing(where, new Losing(), nth([step]));
        await assert.rejects(run, (error: Error) => {
          assert.ok(error instanceof DeviceLostError);
          assert.match(
            error.message,
            /^the adapter was lost \(.+\), and the run has no checkpoint/,
          );
          assert.equal(error.message.includes("\n"), false);
          return true;
        });
      }
    }),
});
