/**
 * `mod.ts` as others use it: imported by URL from an empty folder, where no import map and no file
 * of this repository is in reach.
 *
 * @module
 */
import assert from "node:assert/strict";
import { HAS_GPU, inFolder, ROOT } from "./support/command.ts";

/** What a user writes; the URL is put in. */
const PROGRAM = `
import * as qtrain from "URL";

const recipe = {
  data: { format: "glyphs", size: 12, train: 32, test: 16, augment: ["flip"], workers: 1 },
  model: { name: "cnn", width: 4 },
  train: { batch: 16, max_steps: 2 },
} as const;
const folder = await qtrain.RunFolder.create({ out: "run", name: "run", resume: false });
for await (const event of qtrain.train(recipe, { folder, device: "DEVICE", warn: console.log })) {
  if (event.type === "step") console.log(event.step, Number.isFinite(event.loss));
  if (event.type === "end") console.log(event.summary.status, event.summary.arithmetic);
}
const { images } = await qtrain.evaluate("run", { device: "DEVICE" });
const { bytes, check } = await qtrain.exportRun("run", "run.onnx", {
  device: "DEVICE",
  maxDrop: 100,
});
console.log(images, bytes > 1000, check?.images);
const data = { shape: [12, 12, 1], classes: 10, mean: [0.5], std: [0.5] } as const;
console.log(qtrain.plan(qtrain.resolveRecipe(recipe), data).layers.length);
try {
  await qtrain.loadRecipe("missing.yaml");
} catch (error) {
  console.log(error instanceof qtrain.RecipeError);
}
const { openDevice, parseRecipe, formatRecipe, estimators, zoo, VERSION } = qtrain;
console.log(
  (await openDevice("cpu")).kind,
  typeof parseRecipe, typeof formatRecipe, typeof VERSION,
  Object.keys(estimators).join(), Object.keys(zoo).join(),
);
`;

const EXPECTED = `1 true
2 true
done int8
16 true 16
10
true
cpu function function string hindsight-minmax,current-minmax,running-minmax,dsgc,delayed-max,hindsight-guarded,fixed cnn,mlp,resnet8,resnet20,resnet18,vgg16,mobilenet-v2
`;

Deno.test("mod.ts trains when it is imported by URL, shaders, workers and npm packages included", async () => {
  const served = new Set<string>();
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (r) => {
      const { pathname } = new URL(r.url);
      served.add(pathname);
      const file = await Deno.readFile(ROOT + pathname.slice(1)).catch(() => undefined);
      const type = pathname.endsWith(".ts") ? "application/typescript" : "text/plain";
      return file
        ? new Response(file, { headers: { "content-type": type } })
        : new Response("", { status: 404 });
    },
  );
  const host = `127.0.0.1:${server.addr.port}`;
  const program = PROGRAM.replace("URL", `http://${host}/mod.ts`)
    .replaceAll("DEVICE", HAS_GPU ? "gpu" : "cpu");
  await inFolder({ "main.ts": program }, async (cwd) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--check",
        `--allow-import=${host}`,
        "--allow-read",
        "--allow-write",
        "--allow-env",
        "main.ts",
      ],
      cwd,
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    assert.equal(code, 0, decoder.decode(stderr));
    assert.equal(decoder.decode(stdout), EXPECTED);
  });
  assert.ok([...served].some((path) => path.endsWith(".wgsl")));
  assert.ok(served.has("/lib/data/workers/worker.ts"));
  assert.ok(served.has("/lib/export/compute/convolve.wasm"));
  await forget(server.addr.port);
});

/** Removes from Deno's cache what the program fetched: the port is another one each time. */
async function forget(port: number): Promise<void> {
  const info = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { modulesCache } = JSON.parse(new TextDecoder().decode(info.stdout));
  await Deno.remove(`${modulesCache}/http/127.0.0.1_PORT${port}`, { recursive: true })
    .catch(() => {});
}

Deno.test("mod.ts type-checks in a program with the compiler's own defaults", async () => {
  const program = `import { train } from ${JSON.stringify(import.meta.resolve("../mod.ts"))};\n` +
    `export const run = () => train({ data: { format: "glyphs" }, model: { name: "cnn" } });\n`;
  await inFolder({ "main.ts": program, "deno.json": "{}" }, async (cwd) => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "main.ts"],
      cwd,
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  });
});
