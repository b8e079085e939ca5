/**
 * What shader templates expand to.
 *
 * @module
 */
import assert from "node:assert/strict";
import { expand as expandTemplate } from "../lib/runtime/gpu/wgsl_template.ts";

const expand = (...args: Parameters<typeof expandTemplate>) => expandTemplate(...args).code;

const lines = (...text: string[]) => text.join("\n");

Deno.test("a template's names are replaced by their values", () => {
  assert.equal(expand("a[${I}] = x_${I}u + ${J};", { I: 3, J: 0.5 }), "a[3] = x_3u + 0.5;");
  assert.equal(expand("// a comment", {}), "// a comment");
});

Deno.test("a template keeps one branch of a condition", () => {
  const source = lines("//@ if A", "yes", "//@ else", "no", "//@ end", "after");
  assert.equal(expand(source, { A: 1 }), lines("yes", "after"));
  assert.equal(expand(source, { A: 0 }), lines("no", "after"));
  assert.equal(expand(lines("//@ if A", "yes", "//@ end"), { A: 0 }), "");
});

Deno.test("a template's conditions compare names, whole numbers and sums of their products", () => {
  const holds = (condition: string) =>
    expand(lines(`//@ if ${condition}`, "yes", "//@ end"), { A: 2, B: 3 }) === "yes";
  assert.deepEqual(
    [
      "A == 2",
      "A == B",
      "A < B",
      "A > B",
      "3 > A",
      "A<3",
      "A",
      "0",
      "A * 2 + 1 == B + 2",
      "A+B < 5",
    ]
      .map(holds),
    [true, false, true, false, true, true, true, false, true, false],
  );
});

Deno.test("a template names values for the lines below, also those of a branch and of what it includes", () => {
  const source = lines(
    "//@ let ROWS = N * 6 / 4 + 1",
    "//@ if N == 2",
    "//@ let HALF = N / 2",
    "//@ end",
    "//@ include part",
    "  ${ROWS} ${HALF} ${OWN}",
  );
  const part = lines("//@ let OWN = ROWS * 10", "  part ${OWN}");
  assert.equal(expand(source, { N: 2 }, { part }), lines("  part 40", "  4 1 40"));
  assert.throws(() => expand("//@ let HALF = N / 2", { N: 3 }), /"N \/ 2" is not whole/);
  assert.throws(() => expand("//@ let half N", { N: 3 }), /cannot read "let half N"/);
});

Deno.test("a template's loops are unrolled, also inside one another", () => {
  const source = lines(
    "//@ for i in 0..N",
    "//@ for j in 1..3",
    "  a_${i}_${j}",
    "//@ end",
    "//@ if i == 1",
    "  one",
    "//@ else",
    "  not one",
    "//@ end",
    "//@ end",
  );
  assert.equal(
    expand(source, { N: 2 }),
    lines("  a_0_1", "  a_0_2", "  not one", "  a_1_1", "  a_1_2", "  one"),
  );
  assert.equal(expand(source, { N: 0 }), "");
});

Deno.test("names of a branch that is left out need no value", () => {
  const source = lines("//@ if A", "//@ for i in 0..MISSING", "${MISSING}", "//@ end", "//@ end");
  assert.equal(expand(source, { A: 0 }), "");
});

Deno.test("a template's includes are expanded with the same values", () => {
  const includes = {
    part: lines("//@ if A", "b ${A}", "//@ end"),
    whole: lines("//@ include part", "c"),
  };
  assert.equal(expand(lines("a", "  //@ include whole"), { A: 4 }, includes), "a\nb 4\nc");
});

Deno.test("operands are read from the step's block", () => {
  const source = lines(
    "q[${X_ROW}] + ${X_ROW}u + f32(${SIZE}) + ${WIDE}u",
    "//@ if SIZE > 5",
    "large",
    "//@ end",
  );
  const isOperand = (name: string) => name === "SIZE" || name === "X_ROW";
  assert.deepEqual(expandTemplate(source, { X_ROW: 3, SIZE: 7, WIDE: 2 }, {}, isOperand), {
    code: lines(
      "q[i32(operand_X_ROW())] + operand_X_ROW() + f32(i32(operand_SIZE())) + 2u",
      "large",
    ),
    operands: ["X_ROW", "SIZE"],
  });
});

Deno.test("a template's defects are named", () => {
  const defects: [string, RegExp][] = [
    ["${B}", /no value for "B"/],
    ["//@ if B\n//@ end", /no value for "B"/],
    ["//@ if A", /"\/\/@ if A" has no end/],
    ["//@ for i in 0..A\nx", /has no end/],
    ["//@ for i in 0..A\n//@ else\n//@ end", /has no end/],
    ["x\n//@ end", /"\/\/@ end" closes nothing/],
    ["//@ else", /closes nothing/],
    ["//@ for i of A\n//@ end", /cannot read/],
    ["//@ if A - 1\n//@ end", /cannot read the condition/],
    ["//@ unless A", /unknown directive/],
    ["//@ include nothing", /no include is named "nothing"/],
  ];
  for (const [source, message] of defects) {
    assert.throws(() => expand(source, { A: 1 }), { message }, source);
  }
});
