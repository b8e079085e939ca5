/**
 * How tiles are chosen: what is raced, for how long, what wins, and what is remembered.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DOT } from "../kernels/define_kernel.ts";
import { DeviceError, DeviceLostError } from "../lib/core/errors.ts";
import { openGpu, requestAdapter } from "../lib/runtime/gpu/device.ts";
import { GpuExecutor } from "../lib/runtime/gpu/executor.ts";
import { tilesAgree } from "../lib/runtime/gpu/compare_tiles.ts";
import type { AdapterTimes } from "../lib/runtime/gpu/autotune_cache.ts";
import { type TuningKey, tuningKeys } from "../lib/runtime/gpu/tuning_key.ts";
import { givenTile, type Tile, tileName, tilesOf, withTile } from "../lib/runtime/gpu/tile.ts";
import { ClockTimer, StepTimer, type Timer } from "../lib/runtime/gpu/timing.ts";
import {
  chooseTiles,
  fastestTiles,
  type TimingBackend,
  tuneTiles,
} from "../lib/runtime/gpu/autotune.ts";
import type { Program, Step } from "../lib/program/program.ts";
import { inFolder, qtrain } from "./support/command.ts";
import { withCache } from "./support/isolate.ts";
import { type Case, programOf } from "./support/networks.ts";
import { EMULATED, programOfSteps, SOFTWARE } from "./support/tiles.ts";

const ignore = await requestAdapter() === null;

const NETWORK: Case = {
  name: "two layers",
  image: [16, 16, 3],
  batch: 8,
  classes: 3,
  layers: [
    { type: "conv2d", channels: 8, kernel: 3, padding: 1, bias: false },
    "batch_norm",
    "relu",
    { type: "conv2d", channels: 8, kernel: 3, padding: 1, bias: false },
    "batch_norm",
    "relu",
    { type: "conv2d", channels: 8, kernel: 3, padding: 1, bias: true },
    { type: "linear", features: 3 },
  ],
};

const stepsOf = ({ sections }: Program) => Object.values(sections).flat() as Step[];
const classesOf = (program: Program) => tuningKeys(stepsOf(program), SOFTWARE);

/** A bench whose steps take what `nanoseconds` says, and whose clock goes on by `cost` a compilation. */
class FakeBench implements TimingBackend {
  readonly raced: string[] = [];
  readonly refused = new Set<string>();
  readonly differ = new Set<string>();
  timed = 0;
  /** The most dispatches that a measurement had. */
  dispatches = 0;
  #now = 0;

  constructor(readonly nanoseconds: (step: Step) => number, readonly cost = 0) {}

  prepare(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if (this.refused.has(name(step))) throw new DeviceError("refused");
    }
    if (steps.length === 2) {
      this.raced.push(name(steps[1]!));
      this.#now += this.cost;
    }
    return Promise.resolve();
  }

  time(steps: readonly Step[], dispatches = 1): Promise<number[]> {
    this.timed += steps.length;
    this.dispatches = Math.max(this.dispatches, dispatches);
    return Promise.resolve(steps.map(this.nanoseconds));
  }

  same(_: Step, way: Step): Promise<boolean> {
    return Promise.resolve(!this.differ.has(name(way)));
  }

  now(): number {
    return this.#now;
  }
}

/** A step by kernel, layer and tile. */
function name(step: Step): string {
  const { kernel, layer } = step,
    { P, Q, R, DOT } = (givenTile(step) ?? tilesOf(step, SOFTWARE)[0]!).constants;
  const dot = DOT ? ` DOT=${DOT}` : "";
  return `${kernel.name} ${layer} ${P === undefined ? `R${R}` : `P${P}Q${Q}`}${dot}`;
}

/** A convolution of the default tile takes 4 ms, a norm 1 ms; P = 4 is a tenth faster, R = 1 slower. */
const typical = (step: Step) => {
  const { P, Q, R } = (givenTile(step) ?? tilesOf(step, SOFTWARE)[0]!).constants;
  return /^conv/.test(step.kernel.name)
    ? P === 4 ? 3.6e6 : Q === 1 ? 3.9e6 : 4e6
    : R === 1
    ? 2e6
    : 1e6;
};

/** What was chosen, by step. */
const chosen = (classes: readonly TuningKey[], times: AdapterTimes) =>
  [...fastestTiles(classes, times, SOFTWARE)].map(([step, tile]) =>
    `${step.layer} ${step.kernel.name} ${tileName(tile)}`
  );

Deno.test("layers of one shape share a class in every direction", () => {
  const layers = NETWORK.layers.map((layer) =>
    typeof layer === "object" && layer.type === "conv2d" ? { ...layer, bias: false } : layer
  );
  const classes = classesOf(programOf({ ...NETWORK, layers }, "int8"));
  for (const kernel of ["conv_forward", "conv_backward_weight", "conv_backward_input"]) {
    const own = classes.filter(({ name }) => name.startsWith(`${kernel} `));
    assert.ok(own.some(({ steps }) => steps.length > 1), kernel);
  }
  assert.deepEqual(classes.filter(({ name }) => name.includes("NONFINITE=")), []);
});

Deno.test("steps of one kernel on one shape are one class, whatever their tensors and epilogues", () => {
  const classes = classesOf(programOf(NETWORK, "int8"));
  const of = (layer: string, kernel: string) =>
    classes.find(({ steps }) => steps.some((s) => s.layer === layer && s.kernel.name === kernel));
  assert.notEqual(of("conv1", "conv_forward"), of("conv2", "conv_forward"));
  // The second makes the sums of a norm; the third has a bias and no norm.
  assert.equal(of("conv2", "conv_forward"), of("conv3", "conv_forward"));
  assert.notEqual(of("conv2", "conv_forward"), of("conv2", "conv_backward_input"));
  assert.equal(of("norm1", "norm_forward"), undefined, "it has one tile alone");
  const emulated = tuningKeys(stepsOf(programOf(NETWORK, "int8")), EMULATED);
  assert.ok(emulated.every(({ name }) => name.endsWith(" EMULATE=1")));
});

Deno.test("the fastest tile is chosen for all steps of its class, by a clear margin alone", async () => {
  const classes = classesOf(programOf(NETWORK, "int8")), bench = new FakeBench(typical);
  const found = await tuneTiles(classes, new Map(), bench);
  const tiles = chosen(classes, found);
  // 3.9 of 4 ms is no clear margin; a norm has nothing faster than its default.
  for (const layer of ["conv1", "conv2", "conv3"]) {
    assert.ok(tiles.includes(`${layer} conv_forward DOT=0 K=0 P=4 Q=2 V=1`), tiles.join("; "));
  }
  assert.ok(tiles.every((tile) => !tile.includes("norm")), tiles.join("; "));
  const again = new FakeBench(typical);
  assert.equal((await tuneTiles(classes, found, again)).size, 0);
  assert.equal(again.timed, 0, "what is known is not timed again");
});

Deno.test("races go from the longest class to the shortest and end with the time; the next run goes on", async () => {
  const classes = classesOf(programOf(NETWORK, "int8"));
  let known: AdapterTimes = new Map();
  const runs: string[][] = [];
  for (;;) {
    const bench = new FakeBench(typical, 300);
    const found = await tuneTiles(classes, known, bench);
    if (found.size === 0) break;
    runs.push(bench.raced);
    known = new Map([...known, ...found]);
  }
  // 0.7 s have room for two races of 0.3 s.
  assert.deepEqual(runs.map((raced) => raced.length).slice(0, -1).filter((n) => n !== 2), []);
  const order = runs.flat().map((way) => way.split("_")[0]);
  assert.deepEqual(order, order.toSorted(), "convolutions before norms");
  assert.equal(new Set(runs.flat()).size, runs.flat().length, "nothing twice");
});

Deno.test("one race is run however long compiling takes, and a slow network has more time", async () => {
  const classes = classesOf(programOf(NETWORK, "int8"));
  const one = new FakeBench(typical, 5000);
  await tuneTiles(classes, new Map(), one);
  assert.equal(one.raced.length, 1);
  const slow = new FakeBench((step) => 1000 * typical(step), 5000);
  await tuneTiles(classes, new Map(), slow);
  assert.ok(slow.raced.length > 2);
});

Deno.test("a class that takes next to nothing of a step is not raced", async () => {
  const classes = classesOf(programOf(NETWORK, "int8"));
  const bench = new FakeBench((step) => step.kernel.name === "conv_forward" ? 1e4 : typical(step));
  const found = await tuneTiles(classes, new Map(), bench);
  assert.ok(bench.raced.every((way) => !way.startsWith("conv_forward")));
  assert.ok(bench.raced.some((way) => way.startsWith("conv_backward_input")));
  const again = new FakeBench(typical);
  assert.equal((await tuneTiles(classes, found, again)).size, 0, "nor is it timed again");
});

/** A class of one step with shapes of `P`, each in every way of dot products; P = 1 is the default's. */
function classOf(name: string, shapes: readonly number[], dots: readonly number[]): TuningKey {
  const [step] = programOf(NETWORK, "int8").sections.forward as [Step];
  const whole = { ...step, layer: name };
  const tiles = dots.flatMap((DOT) =>
    shapes.map((P): Tile => ({ constants: { P, Q: 0, DOT }, workgroups: [1, 1, 1] }))
  );
  const tilings = new Map(tiles.map((tile) => [tileName(tile), withTile(whole, tile)]));
  return { name, source: "text", steps: [whole], tilings };
}

/** Races all tiles that are raced, without a limit; returns them in order as `layer P DOT`. */
async function raced(classes: readonly TuningKey[], ns: (step: Step) => number): Promise<string[]> {
  const bench = new FakeBench(ns), order: string[] = [];
  const prepare = bench.prepare.bind(bench);
  bench.prepare = (steps) => {
    const [first, way] = steps;
    if (way && way.layer === first!.layer) {
      const { P, DOT } = givenTile(way)!.constants;
      order.push(`${way.layer} P${P} DOT${DOT}`);
    }
    return prepare(steps);
  };
  await tuneTiles(classes, new Map(), bench, { budget: Infinity });
  return order;
}

Deno.test("shapes are raced with the default's dot product, then the fastest shape with others, never all pairs", async () => {
  const { native, unsigned, emulated } = DOT;
  const of = (step: Step) => givenTile(step)!.constants;
  const amd = classOf("a", [1, 2, 3], [unsigned, native, emulated]);
  // The third shape is the fastest, whatever the dot products.
  const third = await raced([amd], (step) => of(step).P === 3 ? 5e5 : 1e6);
  assert.deepEqual(third, ["a P2 DOT1", "a P3 DOT1", "a P3 DOT0"]);
  // No shape beats the default.
  const first = await raced([amd], () => 1e6);
  assert.deepEqual(first, ["a P2 DOT1", "a P3 DOT1", "a P1 DOT0"]);
  // Without instructions there is one way alone.
  const emulating = classOf("a", [1, 2], [emulated]);
  assert.deepEqual(await raced([emulating], () => 1e6), ["a P2 DOT2"]);
});

Deno.test("what may gain most is raced first: the time of a class counts, and the place of a tile in its list", async () => {
  const dots = [DOT.native, DOT.unsigned, DOT.emulated];
  const classes = [classOf("short", [1, 2, 3], dots), classOf("long", [1, 2, 3], dots)];
  const order = await raced(classes, ({ layer }) => layer === "long" ? 5e6 : 2e6);
  assert.deepEqual(order, [
    "long P2 DOT0", // 5 ms
    "long P3 DOT0", // 5 ms / 2
    "short P2 DOT0", // 2 ms
    "long P1 DOT1", // 5 ms / 3
    "short P3 DOT0",
    "short P1 DOT1",
  ]);
});

Deno.test("a GPU has more time for races, and steps of microseconds run several times in a measurement", async () => {
  const dots = [DOT.native, DOT.unsigned];
  const classes = Array.from({ length: 20 }, (_, i) => classOf(`c${i}`, [1, 2], dots));
  const short = new FakeBench(() => 20_000, 100);
  await tuneTiles(classes, new Map(), short);
  assert.equal(short.raced.length, 7);
  assert.equal(short.dispatches, 10);
  const hardware = new FakeBench(() => 1e6, 100);
  await tuneTiles(classes, new Map(), hardware, { budget: 2000 });
  assert.equal(hardware.raced.length, 20);
  assert.equal(hardware.dispatches, 1);
});

Deno.test("a tile that the device is lost with is remembered as not to be used", async () => {
  const found = new Map();
  const tileClass = classOf("a", [1, 2, 3], [DOT.native]), bench = new FakeBench(() => 1e6);
  const time = bench.time.bind(bench);
  bench.time = (steps, dispatches) => {
    if (steps.some((step) => givenTile(step)!.constants.P === 3)) {
      return Promise.reject(new DeviceLostError("the adapter was lost", "it hung"));
    }
    return time(steps, dispatches);
  };
  await assert.rejects(tuneTiles([tileClass], new Map(), bench, { found }), DeviceLostError);
  assert.deepEqual(found.get("a").ratios, { "DOT=0 P=2 Q=0": 1, "DOT=0 P=3 Q=0": null });
  const again = new FakeBench(() => 1e6);
  await tuneTiles([tileClass], found, again);
  assert.deepEqual(again.raced, []);
});

Deno.test("a tile that is refused, or gives other bits, or wins by chance, is not taken", async () => {
  const classes = classesOf(programOf(NETWORK, "int8"));
  const refused = new FakeBench(typical), other = new FakeBench(typical);
  let runs = 0;
  const chance = new FakeBench((step) =>
    step.constants.P === 4 && runs++ > 60 ? 4e6 : typical(step)
  );
  const [first] = classes as [TuningKey];
  for (const way of first.tilings.values()) {
    refused.refused.add(name(way));
    other.differ.add(name(way));
  }
  refused.refused.delete(name(first.steps[0]!));
  for (const bench of [refused, other]) {
    const found = await tuneTiles(classes, new Map(), bench);
    assert.equal(found.get(first.name)!.ratios["DOT=0 K=0 P=4 Q=2 V=1"], null);
    assert.ok(!chosen(classes, found).includes("conv1 conv_forward DOT=0 K=0 P=4 Q=2 V=1"));
    const again = new FakeBench(typical);
    assert.equal((await tuneTiles(classes, found, again)).size, 0, "and not tried again");
  }
  const found = await tuneTiles([first], new Map(), chance);
  assert.ok(found.get(first.name)!.ratios["DOT=0 K=0 P=4 Q=2 V=1"]! <= 1);
});

Deno.test("what was timed of another text of a kernel is timed anew", async () => {
  const classes = classesOf(programOf(NETWORK, "int8"));
  const found = await tuneTiles(classes, new Map(), new FakeBench(typical));
  const old = new Map([...found].map(([name, times]) => [name, { ...times, source: "another" }]));
  assert.deepEqual(chosen(classes, old), []);
  const again = await tuneTiles(classes, old, new FakeBench(typical));
  assert.deepEqual(again, found);
});

Deno.test({
  name: "on the GPU: tiles are timed once, remembered, and leave all buffers at zero",
  ignore,
  fn: async () => {
    await withCache(async (folder) => {
      const whole = programOf(NETWORK, "int8"), path = `${folder}/tiles.json`;
      // Two classes: more would take long where the driver compiles slowly.
      const some = whole.sections.forward.filter(({ layer }) =>
        layer === "conv1" || layer === "norm1"
      );
      const program = programOfSteps(whole, some);
      let before: string | undefined;
      for (let run = 0; run < 6; run++) {
        const gpu = await openGpu();
        const executor = await GpuExecutor.create(gpu, program, {}, chooseTiles(gpu, "timed"));
        try {
          if (run === 0) {
            const bytes = await executor.read(program.buffers.map((b) => b.name));
            assert.ok(bytes.every((b) => b.every((byte) => byte === 0)));
            assert.equal(executor.bytes, (await fresh(program)).bytes);
          }
        } finally {
          executor.close();
        }
        const text = await Deno.readTextFile(path);
        if (text === before) return; // All is known.
        before = text;
      }
      assert.fail("races never end");
    });
  },
});

async function fresh(program: Program): Promise<GpuExecutor> {
  const executor = await GpuExecutor.create(await openGpu(), program);
  executor.close();
  return executor;
}

Deno.test({
  name: "on the GPU: what is remembered is used, and nothing is timed or written",
  ignore,
  fn: async () => {
    await withCache(async (folder) => {
      const program = programOf(NETWORK, "int8"), gpu = await openGpu();
      const choose = chooseTiles(gpu, "remembered")!;
      const none = {} as GpuExecutor;
      assert.equal((await choose(none, stepsOf(program))).size, 0);
      assert.equal((await Array.fromAsync(Deno.readDir(folder))).length, 0);
      Deno.env.set("QTRAIN_NO_TUNE", "1");
      try {
        assert.equal(chooseTiles(gpu, "timed"), undefined);
      } finally {
        Deno.env.delete("QTRAIN_NO_TUNE");
      }
      assert.equal(chooseTiles(gpu, "default"), undefined);
      gpu.device.destroy();
    });
  },
});

Deno.test({
  name: "on the GPU: every tile gives the same bits on noise, and another step does not",
  ignore,
  fn: async () => {
    for (const arithmetic of ["int8", "float32"] as const) {
      const program = programOf(NETWORK, arithmetic), gpu = await openGpu();
      const executor = await GpuExecutor.create(gpu, program, { lazily: true });
      const kernels = new Set<string>(), steps = stepsOf(program);
      for (const { steps: [step] } of tuningKeys(steps, gpu.target)) {
        if (kernels.has(step!.kernel.name)) continue;
        kernels.add(step!.kernel.name);
        const [tile] = tilesOf(step!, gpu.target) as [Tile];
        const ways = tilesOf(step!, gpu.target).map((tile) => withTile(step!, tile));
        // One workgroup less leaves pixels as they were.
        const [x, y, z] = tile.workgroups;
        const short = withTile(step!, { ...tile, workgroups: [0, y, z] });
        await executor.ready([...ways, short]);
        for (const way of ways) {
          assert.ok(await tilesAgree(executor, ways[0]!, way, steps), step!.kernel.name);
        }
        assert.ok(x > 0 && !await tilesAgree(executor, ways[0]!, short, steps), step!.kernel.name);
      }
      executor.close();
    }
  },
});

Deno.test({
  name:
    "on the GPU: the clock tells of the same step what timestamps tell, within what a wait varies by",
  ignore,
  fn: async () => {
    const program = programOf({ ...NETWORK, batch: 64 }, "int8"), gpu = await openGpu();
    const steps = program.sections.forward.filter(({ kernel }) => kernel.name === "conv_forward");
    const executor = await GpuExecutor.create(gpu, programOfSteps(program, steps));
    const stamps = new StepTimer(gpu, executor), clock = new ClockTimer(gpu, executor);
    await stamps.time(steps);
    // The least of many: what else a machine does only adds.
    const least = async (timer: Timer) => {
      const rounds: number[][] = [];
      for (let i = 0; i < 12; i++) rounds.push(await timer.time(steps));
      return steps.map((_, i) => Math.min(...rounds.map((times) => times[i]!)));
    };
    const [a, b] = [await least(stamps), await least(clock)];
    steps.forEach((_, i) => assert.ok(b[i]! > a[i]! / 10 && b[i]! < 10 * a[i]!, `${a[i]} ${b[i]}`));
    stamps.close();
    executor.close();
  },
});

const SMALL = [
  "data.train=64",
  "data.test=16",
  "data.size=12",
  "model.width=4",
  "train.batch=16",
  "train.max_steps=1",
];

Deno.test({
  name: "a run remembers tiles, --no-tune does not; one that cannot says so and goes on",
  ignore,
  fn: async () => {
    await inFolder({ file: "" }, async (folder) => {
      const recipe = "configs/quickstart.yaml";
      const run = async (out: string, QTRAIN_CACHE: string, more: string[] = []) => {
        const options = ["--device", "gpu", "--out", `${folder}/${out}`, "--quiet"];
        const args = [recipe, ...SMALL, ...options, ...more];
        const result = await qtrain(args, { env: { QTRAIN_NO_TUNE: "", QTRAIN_CACHE } });
        assert.equal(result.code, 0, result.stderr);
        return result;
      };
      const cache = `${folder}/cache`;
      await run("a", cache, ["--no-tune"]);
      await assert.rejects(Deno.stat(cache), Deno.errors.NotFound);
      assert.equal((await run("b", cache)).stderr, "");
      assert.ok((await Deno.stat(`${cache}/tiles.json`)).isFile);
      const { stderr } = await run("c", `${folder}/file`);
      assert.match(
        stderr,
        /^cannot save the fastest tiles: .*\/file\/tiles.json: cannot write: .*QTRAIN_CACHE/,
      );
      const checkpoint = async (out: string) => {
        const [file] = await Array.fromAsync(Deno.readDir(`${folder}/${out}/checkpoints`));
        return await Deno.readFile(`${folder}/${out}/checkpoints/${file!.name}`);
      };
      assert.deepEqual(await checkpoint("b"), await checkpoint("a"));
    });
  },
});
