/**
 * Every shader keeps inside WebGPU's base limits, which the adapter that tests run on would not
 * notice: they are read off the text of all shaders of the table of networks and of the zoo.
 *
 * @module
 */
import type { Target } from "../kernels/define_kernel.ts";
import { includes } from "../kernels/include/mod.ts";
import { kernels } from "../kernels/mod.ts";
import assert from "node:assert/strict";
import { QtrainError } from "../lib/core/errors.ts";
import { wgsl } from "../lib/runtime/gpu/executor.ts";
import { zoo } from "../lib/model/zoo.ts";
import { allSteps, boundBuffers, type Program } from "../lib/program/program.ts";
import { tilesOf, withTile } from "../lib/runtime/gpu/tile.ts";
import type { LayerInput } from "../lib/recipe/layers.ts";
import { CASES } from "./support/cases.ts";
import { type Case, programOf } from "./support/networks.ts";
import { everyShader } from "./support/shaders.ts";
import { EMULATED, HARDWARE, SOFTWARE } from "./support/tiles.ts";

const ZOO: readonly Case[] = (["cnn", "resnet8"] as const).map((name) => ({
  name,
  image: [28, 28, 1],
  batch: 64,
  classes: 10,
  layers: zoo[name]({ width: 32, classes: 10 }) as LayerInput[],
}));

const PROGRAMS: readonly Program[] = [...CASES, ...ZOO].flatMap((test) => [
  programOf(test, "int8"),
  programOf(test, "float32"),
]);

/** Every step, as each of its tiles has it. */
const stepsOf = (program: Program, target: Target) =>
  allSteps(program).flatMap((step) => tilesOf(step, target).map((tile) => withTile(step, tile)));

const SHADERS = [...everyShader(PROGRAMS)];

function every(check: (code: string, kernel: string) => void): void {
  assert.ok(SHADERS.length > 100);
  for (const { code, kernel } of SHADERS) check(code, kernel.name);
}

/** A shader without its comments. */
const plain = (code: string) => code.replace(/\/\/.*$/gm, "");

Deno.test("a shader binds what its kernel's descriptor says: at most 8 storage buffers, each once", () => {
  const access = { "storage, read": "read", "storage, read_write": "write", uniform: "uniform" };
  for (const program of PROGRAMS) {
    for (const step of stepsOf(program, HARDWARE)) {
      const where = `${step.layer} ${step.kernel.name}`, code = wgsl(step, HARDWARE);
      const declared = [...code.matchAll(/@binding\((\d+)\) var<([^>]*)> (\w+)/g)]
        .filter(([, , , variable]) => variable !== "operands")
        .map(([, binding, kind, variable]) =>
          `${binding} ${access[kind as keyof typeof access]} ${variable}`
        );
      const bound = boundBuffers(step);
      const stated = bound.map((b) => `${b.binding} ${b.access} ${b.variable}`);
      assert.deepEqual(declared.sort(), stated.sort(), where);
      assert.ok(bound.filter((b) => b.access !== "uniform").length <= 8, where);
      assert.equal(new Set(bound.map((b) => b.binding)).size, bound.length, where);
    }
  }
});

Deno.test("a kernel's descriptor declares no constant that nothing reads", () => {
  const shared = Object.values(includes).join("\n");
  for (const { name, constants, reference, gpu } of kernels.values()) {
    const text = [gpu.source, shared, reference, gpu.tiles, gpu.workgroups, gpu.join].join("\n");
    const words = new Set(text.match(/\b[A-Z][A-Z0-9_]*\b/g));
    assert.deepEqual(Object.keys(constants).filter((constant) => !words.has(constant)), [], name);
  }
});

Deno.test("no buffer is bound twice in a step where it is written", () => {
  for (const program of PROGRAMS) {
    for (const step of allSteps(program)) {
      const bound = boundBuffers(step);
      for (const { name } of bound.filter((b) => b.access === "write")) {
        const times = bound.filter((b) => b.name === name).length;
        assert.equal(times, 1, `${step.layer} ${step.kernel.name}: ${name}`);
      }
    }
  }
});

Deno.test("every buffer that a step binds is among the program's", () => {
  for (const program of PROGRAMS) {
    const names = new Set(program.buffers.map((b) => b.name));
    assert.equal(names.size, program.buffers.length, "no two buffers share a name");
    for (const step of allSteps(program)) {
      for (const { variable, name } of boundBuffers(step)) {
        assert.ok(names.has(name), `${step.layer} ${step.kernel.name} ${variable}: ${name}`);
      }
    }
  }
});

Deno.test("a layer may not take the name of a table, or gets a buffer of its own", () => {
  const tables = programOf(ZOO[0]!, "int8").buffers.map((b) => b.name)
    .filter((name) => !name.includes("."));
  for (const name of tables) {
    const layers: LayerInput[] = [{ type: "linear", name, features: 2 }, {
      type: "linear",
      features: 2,
    }];
    let program: Program;
    try {
      program = programOf({ name, image: [2, 2, 1], batch: 1, classes: 2, layers }, "int8");
    } catch (error) {
      assert.ok(error instanceof QtrainError, String(error));
      continue;
    }
    const names = program.buffers.map((b) => b.name);
    assert.deepEqual(names.filter((other, i) => names.indexOf(other) !== i), [], name);
  }
});

Deno.test("a dispatch has at most 65535 workgroups a dimension, and at least one", () => {
  for (const program of PROGRAMS) {
    for (const target of [SOFTWARE, HARDWARE]) {
      for (const { kernel, tile } of stepsOf(program, target)) {
        const fits = (n: number) => Number.isInteger(n) && n >= 1 && n <= 65535;
        assert.ok([...tile.workgroups, ...tile.join ?? []].every(fits), kernel.name);
      }
    }
  }
});

/** Returns the parts of a text between its commas, without those within brackets. */
function parts(text: string): string[] {
  const found = [""];
  let depth = 0;
  for (const c of text) {
    depth += /[<[({]/.test(c) ? 1 : /[>\])}]/.test(c) ? -1 : 0;
    if (c === "," && depth === 0) found.push("");
    else found[found.length - 1] += c;
  }
  return found.map((part) => part.trim()).filter((part) => part !== "");
}

/** Returns the assignments of a shader that write a component of a vector in memory that threads share. */
function componentWrites(code: string): string[] {
  const text = plain(code), types = new Map<string, string>(), shared = new Map<string, string>();
  const members = new Map<string, Map<string, string>>();
  for (const [, name, type] of text.matchAll(/\balias (\w+) = ([^;]+);/g)) types.set(name!, type!);
  for (const [, name, body] of text.matchAll(/\bstruct (\w+) \{([^}]*)\}/g)) {
    const fields = parts(body!).map((field) => field.split(/:\s*(.*)/s) as [string, string]);
    members.set(name!, new Map(fields));
  }
  for (
    const [, name, type] of text.matchAll(/\bvar<(?:workgroup|storage)[^>]*>\s+(\w+):\s*([^;]+);/g)
  ) {
    shared.set(name!, type!);
  }
  return text.split(/[;{}]/).map((statement) => statement.trim()).filter((statement) => {
    const [, name, rest] = /^(\w+)((?:[.[]).*)$/s.exec(statement) ?? [];
    let type = name && shared.get(name), left = rest ?? "";
    while (type !== undefined && /^[.[]/.test(left)) {
      const known = types.get(type) ?? type;
      if (/^vec\d/.test(known)) return /^[^=!<>]*[-+*/|&^]?=(?!=)/.test(afterIndex(left));
      const [, inner] = /^(?:array|atomic)<(.*)>$/s.exec(known) ?? [];
      const field = /^\.(\w+)/.exec(left)?.[1];
      type = field === undefined ? inner && parts(inner)[0] : members.get(known)?.get(field);
      assert.ok(type !== undefined, `the type of ${statement}`);
      left = afterIndex(left);
    }
    return false;
  });
}

/** Returns what follows the first index or member of a text that begins with one. */
function afterIndex(text: string): string {
  if (text.startsWith(".")) return text.replace(/^\.\w+/, "");
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    depth += text[at] === "[" ? 1 : text[at] === "]" ? -1 : 0;
    if (depth === 0) return text.slice(at + 1);
  }
  return "";
}

// WGSL lets such a write touch all components (gpuweb issue 2112), and Metal and Direct3D do so: threads
// that write different ones lose each other's. An array of scalars has no such trouble.
Deno.test("no thread writes one component of a vector that other threads may write", () => {
  const text = `
    alias Sum = vec4<i32>;
    struct Part { rows: array<array<Sum, 4>, 2>, rest: vec2<u32>, single: array<u32, 4> }
    var<workgroup> tile: array<Part, 4>;
    @group(0) @binding(3) var<storage, read_write> y: array<vec4<u32>>;
    fn main() {
      tile[i].rows[0][j[1]][k % 4u] = 1;
      tile[i].rest.x += 1u;
      y[at[0]].z = 3u;
      y[at] = vec4<u32>(y[at].x == 1u);
      tile[i].single[k] = 1u;
      tile[i].rows[0][1] += Sum();
    }`;
  assert.deepEqual(componentWrites(text), [
    "tile[i].rows[0][j[1]][k % 4u] = 1",
    "tile[i].rest.x += 1u",
    "y[at[0]].z = 3u",
  ]);
  every((code, kernel) => assert.deepEqual(componentWrites(code), [], kernel));
});

Deno.test("conditions of unrolled code join with & in place of &&, which naga makes a branch", () => {
  // Branches one after the other: SwiftShader takes twice as long to compile with each, minutes with 30.
  every((code, kernel) => {
    const branches = plain(code).match(/&&|\|\|/g)?.length ?? 0;
    assert.ok(branches <= 16, `${kernel}: ${branches}`);
  });
});

Deno.test("only int8 shaders depend on how the packed dot product is done", () => {
  for (const program of PROGRAMS) {
    if (program.arithmetic === "int8") continue;
    const texts = (target: Target) =>
      new Set(stepsOf(program, target).map((step) => wgsl(step, target)));
    assert.deepEqual(texts(EMULATED), texts(SOFTWARE));
  }
  for (const program of PROGRAMS) {
    for (const step of stepsOf(program, EMULATED)) {
      const text = plain(wgsl(step, EMULATED));
      assert.doesNotMatch(text, /dot4[IU]8Packed|pack4xI8/, step.kernel.name);
    }
  }
});
