/**
 * The grid of a comparison: its runs, their order and folders, and the errors.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ESTIMATOR_NAMES } from "../lib/recipe/recipe.ts";
import { buildGrid, type Grid, type GridOptions, rowName } from "../lib/compare/grid.ts";
import { parseRecipe } from "../lib/recipe/load.ts";

const RECIPE = "data: { format: glyphs }\nmodel: { name: cnn }\n";

function grid(options: GridOptions, recipe = RECIPE): Grid {
  return buildGrid((overrides) => parseRecipe(recipe, "r.yaml", overrides), options);
}

const folders = ({ cells }: Grid) => cells.map(({ folder }) => folder);

Deno.test("the names come from the schema", () => {
  assert.ok(ESTIMATOR_NAMES.includes("hindsight-minmax"));
  for (const name of ESTIMATOR_NAMES) assert.match(name, /^[a-z][a-z-]+$/);
});

Deno.test("a name sets both estimators, float32 the arithmetic, and the seed is set last", () => {
  const { cells, labels } = grid({ estimators: "float32, hindsight-minmax", seeds: "7" });
  assert.deepEqual(labels, ["float32", "hindsight-minmax"]);
  assert.deepEqual(
    cells.map(({ recipe: { quantize: q, seed } }) => [
      q.arithmetic,
      q.activations.estimator,
      q.gradients.estimator,
      seed,
    ]),
    [
      ["float32", "hindsight-minmax", "hindsight-minmax", 7],
      ["int8", "hindsight-minmax", "hindsight-minmax", 7],
    ],
  );
});

Deno.test("seeds are the outer loop and estimators the inner one", () => {
  const options = { estimators: "float32,hindsight-minmax", seeds: "2,1", vary: ["batch=8,16"] };
  assert.deepEqual(folders(grid(options)), [
    "runs/float32-batch=8/seed-2",
    "runs/hindsight-minmax-batch=8/seed-2",
    "runs/float32-batch=16/seed-2",
    "runs/hindsight-minmax-batch=16/seed-2",
    "runs/float32-batch=8/seed-1",
    "runs/hindsight-minmax-batch=8/seed-1",
    "runs/float32-batch=16/seed-1",
    "runs/hindsight-minmax-batch=16/seed-1",
  ]);
});

Deno.test("several --vary give all combinations of their values, named by the last part of the key", () => {
  const { rows, cells } = grid({
    estimators: "float32",
    vary: ["train.lr=1e-1,0.05", "train.schedule.name=cosine,constant"],
  });
  assert.deepEqual(rows.map(rowName), [
    "float32, lr 0.1, name cosine",
    "float32, lr 0.1, name constant",
    "float32, lr 0.05, name cosine",
    "float32, lr 0.05, name constant",
  ]);
  assert.equal(rows[1]?.folder, "float32-lr=0.1-name=constant");
  assert.deepEqual(rows[1]?.values, {
    "train.optimizer.lr": 0.1,
    "train.schedule.name": "constant",
  });
  assert.equal(cells[3]?.recipe.train.optimizer.lr, 0.05);
  const two = ["quantize.gradients.momentum=0.9", "quantize.activations.momentum=0.9"];
  assert.equal(
    grid({ estimators: "hindsight-minmax", vary: two }).rows[0]?.folder,
    "hindsight-minmax-quantize.gradients.momentum=0.9-quantize.activations.momentum=0.9",
  );
});

Deno.test("a labelled entry takes the pairs up to the next name or label", () => {
  const { labels, cells } = grid({
    estimators: "G4:quantize.gradients.bits=4,train.lr=0.01,float32,A4:quantize.activations.bits=4",
  });
  assert.deepEqual(labels, ["G4", "float32", "A4"]);
  assert.deepEqual(
    cells.map(({ recipe: { quantize: q, train } }) => [
      q.arithmetic,
      q.activations.bits,
      q.gradients.bits,
      train.optimizer.lr,
    ]),
    [["int8", 8, 4, 0.01], ["float32", 8, 8, 0.05], ["int8", 4, 8, 0.05]],
  );
});

Deno.test("wrong values are rejected with the option and what was expected", async (t) => {
  const labels = "expected a label that can name a folder, of letters, digits, _, - and . " +
    "(a letter, digit or _ first), got ";
  const seeds = "--seeds: expected whole numbers from 0 to 4294967295 between commas, such as " +
    "1,2,3, got ";
  const pairs = "--vary: expected key=value,value such as train.lr=0.1,0.05, got ";
  const wrong: [options: GridOptions, message: string | RegExp][] = [
    [{ estimators: "best" }, /^--estimators: expected one of float32, .*, got "best"$/],
    [{ estimators: "float32,,x" }, /^--estimators: expected one of float32, .*, got ""$/],
    [
      { estimators: "float32,float32" },
      "--estimators: expected every label once, got float32 twice",
    ],
    [
      { estimators: "a:train.lr=1,A:train.lr=2" },
      "--estimators: expected every label once, got A twice",
    ],
    [{ estimators: "../a:train.lr=1" }, `--estimators: ${labels}"../a"`],
    [{ estimators: ":train.lr=1" }, `--estimators: ${labels}""`],
    [
      { estimators: "float32:train.lr=1" },
      "--estimators: expected a label of your own before the colon, got float32, which names an " +
      "estimator",
    ],
    [{ estimators: "a:b" }, '--estimators: expected key=value after a:, got "b"'],
    [
      { estimators: "float32,train.lr=1" },
      '--estimators: expected a name, or label:key=value,…, got "train.lr=1"',
    ],
    [
      { estimators: "a:train.lr=fast" },
      "--estimators: train.optimizer.lr=fast: train.optimizer.lr: expected a number above 0, " +
      'got "fast"',
    ],
    [{ estimators: "a:train.lrr=1" }, /^--estimators: train\.lrr=1: train\.lrr: unknown key/],
    [
      { estimators: "a:seed=4" },
      "--estimators a: expected a key other than seed, which --seeds sets",
    ],
    [{ seeds: "" }, `${seeds}""`],
    [{ seeds: "1,two" }, `${seeds}"two"`],
    [{ seeds: "1.5" }, `${seeds}"1.5"`],
    [{ seeds: "-1" }, `${seeds}"-1"`],
    [{ seeds: "4294967296" }, `${seeds}"4294967296"`],
    [{ seeds: "1,2,01" }, "--seeds: expected every seed once, got 1 twice"],
    [{ vary: ["train.lr"] }, `${pairs}"train.lr"`],
    [{ vary: ["=1"] }, `${pairs}"=1"`],
    [{ vary: ["train.lr=0.1,"] }, `${pairs}"train.lr=0.1,"`],
    [
      { vary: ["train.lrr=1"] },
      "--vary train.lrr: unknown key (did you mean train.optimizer.lr?)",
    ],
    [{ vary: ["colour=1"] }, /^--vary colour: unknown key; expected one of the recipe/],
    [
      { vary: ["quantize.momentum=0"] },
      /^--vary quantize\.momentum: expected a key that is unique, got one that fits \d: quantize\.activations/,
    ],
    [
      { vary: ["train.lr=0.1,abc"] },
      "--vary: train.optimizer.lr=abc: train.optimizer.lr: expected a number above 0, got " +
      '"abc"',
    ],
    [{ vary: ["train.lr=0.1,1e-1"] }, "--vary train.lr: expected every value once, got 0.1 twice"],
    [{ vary: ["seed=1,2"] }, "--vary: expected a key other than seed, which --seeds sets"],
    [
      { vary: ["train.lr=1", "train.optimizer.lr=2"] },
      "--vary train.optimizer.lr: expected a key that nothing else sets, but an earlier --vary " +
      "sets train.optimizer.lr",
    ],
    [
      { vary: ["arithmetic=int8"] },
      "--vary quantize.arithmetic: expected a key that nothing else sets, but --estimators " +
      "float32 sets quantize.arithmetic",
    ],
    [
      { vary: ["data.root=a b,a/b"] },
      "expected a separate folder for each run, got runs/float32-root=a_b for two; choose " +
      "another label or other values",
    ],
  ];
  for (const [options, message] of wrong) {
    await t.step(JSON.stringify(options), () => {
      assert.throws(() => grid({ estimators: "float32", ...options }), {
        name: "UsageError",
        message,
      });
    });
  }
});

Deno.test("an estimator needs a recipe with quantizers", () => {
  const float32 = RECIPE + "quantize: { arithmetic: float32 }\n";
  assert.throws(() => grid({ estimators: "float32,hindsight-minmax" }, float32), {
    message: "--estimators: expected a recipe with quantizers for hindsight-minmax, got " +
      "quantize.arithmetic: float32; add quantize.arithmetic=int8",
  });
});

Deno.test("errors of the recipe itself are reported as usual", () => {
  assert.throws(() => grid({}, RECIPE + "trian: {}\n"), {
    name: "RecipeError",
    message: "r.yaml:3:1: trian: unknown key (did you mean train?)",
  });
});
