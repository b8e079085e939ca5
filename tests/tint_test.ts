/**
 * Every generated shader is valid WGSL for Tint too, Chrome's compiler, which is stricter than naga:
 * about the precedence of operators and about control flow that may differ between threads, for example.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { DOT, type Target } from "../kernels/define_kernel.ts";
import { dotShader } from "../lib/runtime/self_test/dot_products.ts";
import { NoDawn, refusals } from "./support/dawn.ts";
import { casePrograms, everyShader, zooPrograms } from "./support/shaders.ts";

/** A shader of one thread for each word, with more declarations and with what each thread does. */
const shader = (declarations: string, body: string) => `
${declarations}
@group(0) @binding(0) var<storage, read_write> words: array<u32>;
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) t: u32) {
  ${body}
}`;

/** Adds its neighbour's word, which goes through `count` words of workgroup memory. */
const viaNeighbour = (count: number) =>
  shader(
    `var<workgroup> shared_words: array<u32, ${count}>;`,
    `shared_words[t] = words[t];
  workgroupBarrier();
  words[t] += shared_words[t ^ 1u];`,
  );

/** What the tests' networks, whose many epilogues do not depend on the way of dot products, are made for. */
const CASE_TARGETS: readonly Target[] = [
  { software: true, dots: [DOT.native] },
  { software: false, dots: [DOT.unsigned] },
];

let missing = "";
try {
  await refusals([viaNeighbour(64)]);
} catch (error) {
  if (!(error instanceof NoDawn)) throw error;
  missing = error.message;
  console.log(`skipped: ${missing}`);
}
const ignore = missing !== "";

Deno.test({
  name: "Tint accepts every shader of the zoo and of the tests' networks, in all tiles",
  ignore,
  fn: async () => {
    const names: string[] = [];
    const shaders = function* () {
      for (const all of [everyShader(zooPrograms()), everyShader(casePrograms(), CASE_TARGETS)]) {
        for (const { name, code } of all) {
          names.push(name);
          yield code;
        }
      }
    };
    const answers = await refusals(shaders());
    assert.equal(answers.length, names.length);
    assert.ok(names.length > 1000);
    const refused = answers.flatMap((why, i) => why === undefined ? [] : [`${names[i]}: ${why}`]);
    assert.deepEqual(refused, []);
  },
});

Deno.test({
  name: "Tint accepts the test of each way of dot products",
  ignore,
  fn: async () => {
    const { native, unsigned, emulated } = DOT;
    const shaders = [native, unsigned, emulated].map((dot) => dotShader(dot, [native, emulated]));
    shaders.push(dotShader(emulated, [emulated]));
    assert.deepEqual(await refusals(shaders), shaders.map(() => undefined));
  },
});

Deno.test({
  name: "Tint refuses a barrier that not all threads reach, and 17 KiB of workgroup memory",
  ignore,
  fn: async () => {
    const branch = shader("", "if (words[t] > 1u) { workgroupBarrier(); }\n  words[t] = t;");
    const answers = await refusals([
      viaNeighbour(16 * 256),
      branch,
      viaNeighbour(17 * 256),
      shader("", "words[t] = 2u * t >> 3u;"),
    ]);
    const reasons = [
      /uniform control flow/,
      /workgroup storage \(17408 bytes\)/,
      /mixing '\*' and '>>'/,
    ];
    assert.equal(answers[0], undefined);
    reasons.forEach((reason, i) => assert.match(answers[i + 1] ?? "accepted", reason));
  },
});
