/**
 * Runs through the whole program: folders, resuming, interrupting, eval and export.
 *
 * @module
 */
import assert from "node:assert/strict";
import { decodeSafetensors } from "../lib/core/safetensors.ts";
import { AUTO, command, inFolder, PROGRAM, qtrain, ROOT } from "./support/command.ts";

const RECIPE = "data: { format: glyphs, size: 12, train: 64, test: 32 }\n" +
  "model: { name: cnn, width: 4 }\ntrain: { epochs: 2, batch: 16, log_every: 1 }\n";
/** Long enough that a signal always arrives before the end. */
const LONG = ["train.epochs=2000", "train.schedule.name=constant"];

/** Bytes and time of every file in a folder. */
async function contents(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) Object.assign(found, await contents(path));
    else {found[path] = `${(await Deno.stat(path)).mtime?.getTime()} ${await Deno.readTextFile(
        path,
      )}`;}
  }
  return found;
}

async function lastCheckpoint(run: string): Promise<Uint8Array<ArrayBuffer>> {
  const names = (await Array.fromAsync(Deno.readDir(`${run}/checkpoints`))).map((e) => e.name);
  return await Deno.readFile(`${run}/checkpoints/${names.sort().at(-1)}`);
}

Deno.test("a run, its second run, its resumption, eval and export", async (t) => {
  await inFolder({ "r.yaml": RECIPE }, async (cwd) => {
    await t.step("a run shows settings and epochs on stderr, the result on stdout", async () => {
      const { code, stdout, stderr } = await qtrain(["r.yaml"], { cwd });
      assert.equal(code, 0);
      assert.match(
        stdout,
        /^test accuracy \d+\.\d\d%, [\d.]+ img\/s\nthe run's folder is runs\/r\n$/,
      );
      for (
        const line of [
          "recipe       r, seed 1",
          "network      cnn, width 4: 1,182 parameters",
          "data         64 + 32 images 12×12×1, 10 classes, made by the program",
          `device       ${AUTO}: `,
          "arithmetic   int8",
          "gradients    8 bits, hindsight-minmax 0.9, stochastic",
          "length       2 epochs, 8 steps of 16 images",
          "optimizer    sgd, lr 0.05, momentum 0.9, weight decay 0.0001",
          "folder       runs/r",
          "epoch 1/2 | train loss ",
          "epoch 2/2 | train loss ",
          `next: ${PROGRAM} eval runs/r`,
        ]
      ) assert.ok(stderr.includes(`\n${line}`), `${line}\n---\n${stderr}`);
    });

    await t.step("without --out a second run gets a new folder", async () => {
      const { stdout } = await qtrain(["r.yaml", "--quiet"], { cwd });
      assert.match(stdout, /the run's folder is runs\/r-2\n$/);
      assert.deepEqual(
        await lastCheckpoint(`${cwd}/runs/r-2`),
        await lastCheckpoint(`${cwd}/runs/r`),
      );
      await Deno.remove(`${cwd}/runs/r-2`, { recursive: true });
    });

    await t.step("a second run in the same folder is rejected and changes nothing", async () => {
      const before = await contents(`${cwd}/runs`);
      const { code, stdout, stderr } = await qtrain(["r.yaml", "--out", "runs/r"], { cwd });
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(
        stderr,
        /^runs\/r: expected a folder without a run, got one with recipe\.yaml.*--resume/,
      );
      assert.deepEqual(await contents(`${cwd}/runs`), before);
    });

    await t.step("resuming a finished run changes nothing", async () => {
      const before = await contents(`${cwd}/runs`);
      for (const out of [["--out", "runs/r"], []]) {
        const { code, stdout, stderr } = await qtrain(["r.yaml", "--resume", ...out], { cwd });
        assert.equal(code, 0);
        assert.match(stdout, /^test accuracy/);
        assert.match(stderr, /this run is already finished; nothing changed\n/);
      }
      assert.deepEqual(await contents(`${cwd}/runs`), before);
    });

    await t.step("another recipe is not resumed, and the message has the difference", async () => {
      const { code, stderr } = await qtrain(["r.yaml", "train.batch=8", "--resume"], { cwd });
      assert.equal(code, 2);
      assert.match(stderr, /cannot resume: .*train\.batch was 16, is now 8/);
    });

    await t.step("eval repeats the accuracy of the summary", async () => {
      const summary = JSON.parse(await Deno.readTextFile(`${cwd}/runs/r/summary.json`));
      const [json, text] = await Promise.all([
        qtrain(["eval", "runs/r", "--json"], { cwd }),
        qtrain(["eval", "runs/r"], { cwd }),
      ]);
      const { accuracy, loss, images, step } = JSON.parse(json.stdout);
      assert.deepEqual([accuracy, loss], [summary.test_accuracy, summary.test_loss]);
      assert.deepEqual([images, step], [32, 8]);
      assert.match(text.stdout, /^test accuracy \d+\.\d\d%, test loss \d\.\d{4} \(32 images, /);
    });

    await t.step(
      "export writes weights and norms, and ranges as metadata, with the same bytes each time",
      async () => {
        const args = ["export", "runs/r", "--out"];
        assert.match(
          (await qtrain([...args, "a.safetensors"], { cwd })).stdout,
          /^a\.safetensors: safetensors, float32, [\d.]+ KiB\n$/,
        );
        await qtrain([...args, "b.safetensors"], { cwd });
        const bytes = await Deno.readFile(`${cwd}/a.safetensors`);
        assert.deepEqual(await Deno.readFile(`${cwd}/b.safetensors`), bytes);
        const { tensors, metadata } = decodeSafetensors(bytes, "a");
        assert.deepEqual(tensors["conv2.weight"]?.shape, [4, 4, 3, 3]);
        assert.deepEqual(tensors["norm2.running_var"]?.shape, [4]);
        assert.deepEqual(tensors["linear.weight"]?.shape, [10, 8]);
        // PyTorch's load_state_dict refuses tensors that its network has not.
        assert.ok(!Object.keys(tensors).some((name) => /^(velocity|range)\./.test(name)));
        assert.equal(JSON.parse(metadata.ranges!).norm1.length, 2);
        assert.equal(metadata.position, undefined);
      },
    );

    await t.step(
      "a damaged latest checkpoint is reported, and the one before it is used",
      async () => {
        await Deno.writeTextFile(`${cwd}/runs/r/checkpoints/step-00000008.safetensors`, "torn");
        const { code, stdout, stderr } = await qtrain(["eval", "runs/r", "--json"], { cwd });
        assert.equal(code, 0);
        assert.match(stderr, /step-00000008\.safetensors: .*trying the checkpoint before/);
        assert.equal(JSON.parse(stdout).step, 4);
      },
    );
  });
});

Deno.test("--json prints one object per line, without large values", async () => {
  await inFolder({ "r.yaml": RECIPE }, async (cwd) => {
    const { code, stdout, stderr } = await qtrain(["r.yaml", "--json", "--out", "x"], { cwd });
    assert.deepEqual([code, stderr], [0, ""]);
    const events = stdout.trim().split("\n").map((line) => JSON.parse(line));
    const types = events.map((event) => event.type);
    const epoch = ["step", "step", "step", "step", "epoch"];
    assert.deepEqual(types, ["start", ...epoch, ...epoch, "end"]);
    assert.equal(events.at(-1).status, "done");
    assert.equal(events[0].parameters, 1182);
    assert.ok(stdout.length < 10_000, `${stdout.length} bytes`);
  });
});

for (const name of Deno.build.os === "windows" ? [] : ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${name} ends a run with a checkpoint and 130; resumed, it gives the same bits`, async () => {
    await inFolder({ "r.yaml": RECIPE }, async (cwd) => {
      const child = command(["r.yaml", "--json", "--out", "cut", ...LONG], { cwd }).spawn();
      const lines = child.stdout.pipeThrough(new TextDecoderStream());
      let signalled = false, text = "";
      for await (const chunk of lines) {
        text += chunk;
        if (signalled || !text.includes('"type":"step","step":6,')) continue;
        signalled = true;
        child.kill(name);
      }
      const stderr = await new Response(child.stderr).text();
      assert.equal((await child.status).code, 130);
      assert.match(stderr, /^stopping after this step and saving a checkpoint/);
      assert.match(
        stderr,
        new RegExp(
          `interrupted after step \\d+; resume with: ${RegExp.escape(PROGRAM)} cut/recipe\\.yaml ` +
            "--out cut --resume",
        ),
      );
      const summary = JSON.parse(await Deno.readTextFile(`${cwd}/cut/summary.json`));
      assert.equal(summary.status, "interrupted");
      const { steps } = summary;
      await Deno.stat(`${cwd}/cut/checkpoints/step-${`${steps}`.padStart(8, "0")}.safetensors`);

      // Six more steps, against an uninterrupted run of the same length.
      const length = ["train.epochs=2000", `train.max_steps=${steps + 6}`, LONG[1]!, "--quiet"];
      const [resumed, whole] = await Promise.all([
        qtrain(["r.yaml", "--out", "cut", "--resume", ...length], { cwd }),
        qtrain(["r.yaml", "--out", "whole", ...length], { cwd }),
      ]);
      assert.deepEqual([resumed.code, whole.code], [0, 0]);
      const weights = async (run: string) =>
        decodeSafetensors(await lastCheckpoint(`${cwd}/${run}`), run).tensors;
      assert.deepEqual(await weights("cut"), await weights("whole"));
    });
  });
}

Deno.test("a second signal exits at once with 130", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const script = `import { listenForInterrupt } from ${JSON.stringify(`${ROOT}cli/interrupt.ts`)};
    listenForInterrupt(console.log);
    console.log("ready");
    setInterval(() => {}, 1000);`;
  await inFolder({ "wait.ts": script }, async (cwd) => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", `${cwd}/wait.ts`],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    let text = "", sent = 0;
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (sent === 0 && text.includes("ready") || sent === 1 && text.includes("stopping")) {
        sent++;
        // Later than what counts as one signal.
        await new Promise((resolve) => setTimeout(resolve, 400));
        child.kill("SIGINT");
      }
    }
    assert.equal((await child.status).code, 130);
    assert.equal(sent, 2);
  });
});

Deno.test("a run continues when the reader of its results has gone", async () => {
  await inFolder({ "r.yaml": RECIPE }, async (cwd) => {
    const child = command(["r.yaml", "--json", "--out", "x"], { cwd }).spawn();
    await child.stdout.cancel();
    assert.equal(await new Response(child.stderr).text(), "");
    assert.equal((await child.status).code, 0);
    assert.equal(JSON.parse(await Deno.readTextFile(`${cwd}/x/summary.json`)).status, "done");
  });
});
