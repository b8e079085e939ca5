/**
 * Interrupting a run during a step, an evaluation, or a long computation.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { type Device, openDevice } from "../lib/runtime/device.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { train } from "../lib/train/train.ts";
import { untilAborted } from "../lib/train/until_aborted.ts";
import { inFolder as inFolderOf, ROOT } from "./support/command.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

const windows = Deno.build.os === "windows";

for (const [name, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test({
    name: `a second ${name} ends a process at once while it computes`,
    ignore: windows,
    fn: async () => {
      const script = `import { listenForInterrupt } from "${ROOT}cli/interrupt.ts";
        listenForInterrupt(() => setTimeout(() => {
          console.log("computing");
          for (const began = Date.now(); Date.now() - began < 60_000;);
        }, 400)); // Later than what counts as one signal.
        console.log("ready");
        setTimeout(() => {}, 60_000);`;
      await inFolderOf({ "busy.ts": script }, async (cwd) => {
        const child = new Deno.Command(Deno.execPath(), {
          args: ["run", "--no-prompt", `${cwd}/busy.ts`],
          stdout: "piped",
          stderr: "null",
        }).spawn();
        let text = "", sent = 0;
        const began = performance.now();
        for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
          text += chunk;
          if (sent === 0 && text.includes("ready") || sent === 1 && text.includes("computing")) {
            sent++;
            child.kill(name);
          }
        }
        const status = await child.status;
        assert.deepEqual([status.code, status.signal, sent], [code, name, 2]);
        assert.ok(performance.now() - began < 50_000);
      });
    },
  });
}

Deno.test(
  "a signal that comes twice at once, as through deno task, stops and does not end a process",
  {
    ignore: windows,
  },
  async () => {
    const script = `import { listenForInterrupt } from "${ROOT}cli/interrupt.ts";
    using interrupt = listenForInterrupt(() => console.log("stopping"));
    console.log("ready");
    await new Promise((resolve) => interrupt.signal.addEventListener("abort", resolve));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    console.log("saved");`;
    await inFolderOf({ "stop.ts": script }, async (cwd) => {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-prompt", `${cwd}/stop.ts`],
        stdout: "piped",
        stderr: "null",
      }).spawn();
      let text = "", sent = 0;
      for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        if (!text.includes("ready") || sent > 0) continue;
        for (const signal of ["SIGTERM", "SIGINT", "SIGTERM"] as const) {
          child.kill(signal);
          await new Promise((resolve) => setTimeout(resolve, 20));
          sent++;
        }
      }
      assert.equal((await child.status).code, 0);
      assert.equal(text, "ready\nstopping\nsaved\n");
    });
  },
);

/** The CPU, on which each of the 20 batches of an evaluation takes 80 ms. */
async function slowlyEvaluating(): Promise<Device> {
  const device = await openDevice("cpu");
  return {
    ...device,
    createExecutor: async (program, options) => {
      const executor = await device.createExecutor(program, options);
      const ready = executor.ready.bind(executor), { loss, update } = program.sections;
      executor.ready = async (steps) => {
        await ready(steps);
        const evaluates = steps.includes(loss[0]!) && !steps.some((step) => update.includes(step));
        if (evaluates) await new Promise((resolve) => setTimeout(resolve, 80));
      };
      return executor;
    },
  };
}

Deno.test("a long evaluation is cut short, and done first when the run goes on, to the same bits", async () => {
  const recipe: RecipeInput = {
    ...SHORT,
    data: { ...SHORT.data, test: 320 },
    train: { ...SHORT.train, log_every: 1 },
  };
  await inFolder(async (whole) => {
    const all = await runOf(recipe, { opened: await slowlyEvaluating(), out: whole });
    await inFolder(async (out) => {
      const cuts: unknown[] = [];
      // Asked for before the evaluation of each epoch, which takes seconds.
      for (const stopAt of [10, 20]) {
        const opened = await slowlyEvaluating(), resume = stopAt > 10;
        const { end } = await runOf(recipe, { opened, out, stopAt, resume });
        const { status, steps, best_step } = end.summary;
        cuts.push({ status, steps, best_step });
      }
      assert.deepEqual(cuts, [
        { status: "interrupted", steps: 10, best_step: null },
        {
          status: "interrupted",
          steps: 20,
          best_step: all.end.summary.best_step === null ? null : 10,
        },
      ]);
      const opened = await slowlyEvaluating();
      const rest = await runOf(recipe, { opened, out, resume: true });
      const types = rest.events.map((event) => event.type);
      assert.deepEqual(types, ["start", "epoch", "end"]);
      assert.deepEqual(rest.end.state, all.end.state);
      for (const key of ["status", "steps", "test_loss", "test_accuracy", "train_loss"] as const) {
        assert.equal(rest.end.summary[key], all.end.summary[key], key);
      }
      const last = "checkpoints/step-00000020.safetensors";
      assert.deepEqual(
        await Deno.readFile(`${out}/${last}`),
        await Deno.readFile(`${whole}/${last}`),
      );
      const steps = async (run: string) =>
        (await Deno.readTextFile(`${run}/metrics.jsonl`)).trimEnd().split("\n")
          .map((text) => JSON.parse(text)).map(({ kind, step }) => `${kind} ${step}`);
      assert.deepEqual(await steps(out), await steps(whole));
    });
  });
});

Deno.test("a run whose end is asked for before its first step takes one, and leaves a checkpoint", async () => {
  await inFolder(async (out) => {
    const folder = await RunFolder.create({ out, name: "run", resume: false });
    const opened = await openDevice("cpu"), ends: unknown[] = [];
    for await (const event of train(SHORT, { opened, folder, signal: AbortSignal.abort() })) {
      if (event.type === "end") ends.push([event.summary.status, event.summary.steps]);
    }
    assert.deepEqual(ends, [["interrupted", 1]]);
    assert.deepEqual((await folder.checkpoints()).map((c) => c.step), [1]);
  });
});

Deno.test("batches end early only where someone asks for it and a second has passed", async () => {
  async function* slow() {
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, 600));
      yield i;
    }
  }
  assert.deepEqual(await Array.fromAsync(untilAborted(slow(), undefined)), [0, 1, 2]);
  const seen: number[] = [];
  const cut = async () => {
    for await (const i of untilAborted(slow(), AbortSignal.abort())) seen.push(i);
  };
  await assert.rejects(cut());
  assert.deepEqual(seen, [0]);
});
