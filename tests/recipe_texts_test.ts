/**
 * Names and paths in recipes and on the command line are what was typed; characters that do not show,
 * merge keys, and every remedy for them.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { basename } from "node:path";
import { formatRecipe, loadRecipe, parseRecipe } from "../lib/recipe/load.ts";
import { takesText } from "../lib/recipe/json_schema.ts";

const MODEL = "model: { name: cnn }\n";
const GLYPHS = `data: { format: glyphs }\n${MODEL}`;
const FOLDER = `data: { format: folder, root: photos }\n${MODEL}`;

/** A recipe whose data lie in a folder, as written in YAML. */
const rooted = (root: string) => `data:\n  format: folder\n  root: ${root}\n${MODEL}`;

function complaint(text: string, overrides: readonly string[] = []): string {
  try {
    parseRecipe(text, "r.yaml", overrides);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("this recipe is right");
}

Deno.test("the schema says which fields take a text and nothing else", () => {
  const texts = ["data.root", "name", "init", "freeze.0", "data.format", "model.layers.0.name"];
  const others = ["seed", "data.workers", "memory", "freeze", "data.size", "model.layers.0", "no"];
  for (const path of texts) assert.ok(takesText(path.split(".")), path);
  for (const path of others) assert.ok(!takesText(path.split(".")), path);
});

Deno.test("a path on the command line is what was typed", () => {
  const roots = [
    "2024",
    "[2] new",
    "cats #1",
    "yes",
    "null",
    "~",
    "2e5",
    "0012",
    "a: b",
    "*x",
    "&x",
  ];
  roots.push(
    "@me",
    "-7",
    "!x",
    "%x",
    "`x",
    "{a}",
    "? x",
    "- x",
    "> x",
    "a, b",
    " x ",
    '"a" or "b"',
  );
  for (const root of roots) {
    const recipe = parseRecipe(FOLDER, "r.yaml", [`data.root=${root}`]);
    assert.equal(basename(recipe.data.root), root);
  }
});

Deno.test("quotes around a whole text on the command line are taken off", () => {
  const typed = [`"cats #1"`, `'cats #1'`, `"a \\"b\\""`, `'it''s'`];
  const meant = ["cats #1", "cats #1", 'a "b"', "it's"];
  typed.forEach((text, i) => {
    const { data } = parseRecipe(FOLDER, "r.yaml", [`data.root=${text}`]);
    assert.equal(basename(data.root), meant[i]);
  });
});

Deno.test("an empty text on the command line is empty, and refused where a text is needed", () => {
  assert.equal(parseRecipe(`${GLYPHS}init: w.bin\n`, "r.yaml", ["init="]).init, "");
  assert.match(complaint(FOLDER, ["data.root="]), /^data\.root=: data\.root: expected .*, got ""$/);
});

Deno.test("fields of numbers, lists and maps on the command line stay YAML", () => {
  const set = ["train.epochs=1e1", "data.workers=2", "memory=64MiB", 'freeze=[conv1, "fc*", 3]'];
  const recipe = parseRecipe(GLYPHS, "r.yaml", [...set, "train={batch: 7, log_every: 2}"]);
  assert.equal(recipe.data.workers, 2);
  assert.equal(recipe.memory, 64 * 2 ** 20);
  assert.deepEqual(recipe.freeze, ["conv1", "fc*", "3"]);
  assert.equal(recipe.train.batch, 7);
  assert.match(
    complaint(GLYPHS, ["train.epochs=@5"]),
    /train\.epochs: expected a whole number of at least 1, got "@5"$/,
  );
});

Deno.test("numbers and words in the file are what was written, where a text is expected", () => {
  for (const root of ["2024", "0012", "2e5", "no", "true", "0x10", "1_000", ".5", "-7"]) {
    assert.equal(basename(parseRecipe(rooted(root), "r.yaml").data.root), root);
  }
  const recipe = parseRecipe(`name: 007\nfreeze: [12, conv*]\n${GLYPHS}`, "r.yaml");
  assert.equal(recipe.name, "007");
  assert.deepEqual(recipe.freeze, ["12", "conv*"]);
  const map = "data={format: folder, root: 007}";
  assert.equal(basename(parseRecipe(GLYPHS, "r.yaml", [map]).data.root), "007");
  assert.equal(parseRecipe(`x-year: &y 2024\nname: *y\n${GLYPHS}`, "r.yaml").name, "2024");
});

Deno.test("a recipe that is written out and read again has the same names", () => {
  for (
    const root of [
      "2024",
      "0012",
      "no",
      "~",
      "null",
      "[2] new",
      "a: b",
      "a #1",
      "*x",
      " x ",
      "\u00a0",
    ]
  ) {
    const recipe = parseRecipe(FOLDER, "r.yaml", [`data.root=${root}`, "name=007"]);
    const again = parseRecipe(formatRecipe(recipe), "other.yaml");
    assert.equal(again.data.root, recipe.data.root);
    assert.equal(again.name, "007");
  }
});

Deno.test("a text that YAML takes for something else is refused with quotes that work", () => {
  for (
    const root of [
      "~",
      "null",
      "[2] new",
      "a: b",
      "@me",
      "*x",
      "%x",
      "`x",
      "- x",
      "? x",
      "!x",
      "> x",
    ]
  ) {
    const message = complaint(rooted(root));
    const remedy = /write (?:root: )?("[^"]+")$/.exec(message)?.[1];
    assert.ok(remedy, message);
    assert.equal(basename(parseRecipe(rooted(remedy), "r.yaml").data.root), root);
  }
  const windows = complaint(rooted('"C:\\photos"'));
  assert.match(windows, /; write root: 'C:\\photos'$/);
  assert.match(parseRecipe(rooted(`'C:\\photos'`), "r.yaml").data.root, /C:\\photos$/);
  assert.match(complaint(rooted("")), /got nothing; write it after root: or leave root out$/);
  const pattern = /write ("\*1")$/.exec(complaint(`${GLYPHS}freeze: [conv1, *1]\n`))?.[1];
  assert.deepEqual(parseRecipe(`${GLYPHS}freeze: [${pattern}]\n`, "r.yaml").freeze, ["*1"]);
  assert.match(complaint(`data: *x\n${MODEL}`), /\(no anchor &x before it\)$/);
});

Deno.test("one name in place of a list is refused with the brackets that work", () => {
  for (const name of ["conv1", "conv*", "*1", "a b"]) {
    const message = complaint(GLYPHS, [`freeze=${name}`]);
    const remedy = /as in (\[.+\])$/.exec(message)?.[1];
    assert.ok(remedy, message);
    assert.deepEqual(parseRecipe(GLYPHS, "r.yaml", [`freeze=${remedy}`]).freeze, [name]);
  }
});

const ODD: readonly [name: string, text: string, message: string | RegExp][] = [
  [
    "a no-break space after a key",
    `${GLYPHS}train:\n  batch\u00a0: 3\n`,
    "r.yaml:4:3: train.batch\\u00a0: unknown key (did you mean train.batch?); type it again: \\u00a0 is a " +
    "no-break space",
  ],
  [
    "a no-break space after a colon",
    `${GLYPHS}train:\n  batch:\u00a03\n`,
    /^r\.yaml:4:3: train: .*, got "batch:\\u00a03"; type it again: \\u00a0 is a no-break space$/,
  ],
  [
    "no-break spaces as indentation",
    `${GLYPHS}train:\n\u00a0\u00a0batch: 3\n`,
    /^r\.yaml:4:1: \\u00a0\\u00a0batch: unknown key; .*: \\u00a0 is a no-break space$/m,
  ],
  [
    "no-break spaces that indent a line before",
    `${GLYPHS}train:\n  schedule:\n\u00a0\u00a0\u00a0\u00a0name: step\n  batch: 3\n`,
    /^r\.yaml:5:.*; type it again: \\u00a0 is a no-break space, in line 5$/,
  ],
  [
    "a zero-width space in a value",
    `data: { format: glyphs }\nmodel: { name: "cnn\u200b" }\n`,
    /got "cnn\\u200b" \(did you mean cnn\?\); type it again: \\u200b is a zero-width space$/,
  ],
  [
    "a Cyrillic letter",
    `data: { format: glyphs }\nmodel: { name: \u0441nn }\n`,
    /got "\\u0441nn" \(did you mean cnn\?\); type it again: \\u0441 is a Cyrillic letter$/,
  ],
  [
    "a byte order mark within the text",
    `${GLYPHS}\ufefftrain: { batch: 3 }\n`,
    /^r\.yaml:3:1: \\ufefftrain: unknown key \(did you mean train\?\); .*byte order mark$/,
  ],
  [
    "typographic quotes",
    `data: { format: “glyphs” }\n${MODEL}`,
    /got "“glyphs”" \(did you mean glyphs\?\); type it again: “ is a typographic quote$/,
  ],
  [
    "a full-width colon",
    `${GLYPHS}train：\n  batch: 3\n`,
    /^r\.yaml:3:1: expected valid YAML, .*; type it again: ： is a full-width colon$/,
  ],
  [
    "a tab as indentation",
    `${GLYPHS}train:\n\tbatch: 3\n`,
    'r.yaml:4:1: expected valid YAML, got "\\tbatch: 3" (a tab at the beginning of a line; use blanks)',
  ],
];

for (const [name, text, message] of ODD) {
  Deno.test(`${name} is shown, and what to do about it`, () => {
    const got = complaint(text);
    if (typeof message === "string") assert.equal(got, message);
    else assert.match(got, message);
  });
}

/** Writes a recipe's bytes to a file and loads it. */
async function load(bytes: Uint8Array): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/r.yaml`, bytes);
    return await loadRecipe(`${folder}/r.yaml`).then(
      ({ train }) => `batch ${train.batch}`,
      (error) => (error as Error).message.replaceAll(`${folder}/`, ""),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** UTF-16, the less significant byte first or last. */
function utf16(text: string, littleEndian: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * text.length));
  [...text].forEach((c, i) => view.setUint16(2 * i, c.charCodeAt(0), littleEndian));
  return new Uint8Array(view.buffer);
}

Deno.test("a recipe with a byte order mark and CR LF is read; one in UTF-16 is named", async () => {
  const text = `${GLYPHS}train:\n  batch: 3\n`.replaceAll("\n", "\r\n");
  const utf8 = (t: string) => new TextEncoder().encode(t);
  assert.equal(await load(utf8(text)), "batch 3");
  assert.equal(await load(utf8(`\ufeff${text}`)), "batch 3");
  const refused =
    "r.yaml: expected a recipe in UTF-8 text, got one that was saved as UTF-16; save " +
    "it as UTF-8";
  for (const mark of ["\ufeff", ""]) {
    assert.equal(await load(utf16(mark + text, true)), refused);
    assert.equal(await load(utf16(mark + text, false)), refused);
  }
});

Deno.test("merge keys merge maps: the map's own keys first, then the earlier of a list", () => {
  const { train, quantize } = parseRecipe(
    `x-short: &short { epochs: 2, batch: 9 }\nx-log: &log { batch: 5, log_every: 3 }\n${GLYPHS}` +
      "train:\n  batch: 7\n  <<: [*short, *log]\n  optimizer: &o { lr: 0.5 }\n" +
      "quantize:\n  activations: &q { bits: 6 }\n  gradients:\n    <<: *q\n    rounding: nearest\n",
    "r.yaml",
  );
  assert.deepEqual([train.epochs, train.batch, train.log_every], [2, 7, 3]);
  assert.deepEqual([quantize.gradients.bits, quantize.gradients.rounding], [6, "nearest"]);
});

Deno.test("what is wrong in a merged map is reported where it is written", () => {
  const text = `x-a: &a { epochs: three }\nx-b: &b\n  batsh: 3\n${GLYPHS}train: { <<: [*b, *a] }\n`;
  assert.equal(
    complaint(text),
    'r.yaml:1:19: train.epochs: expected a whole number of at least 1, got "three"\n' +
      "r.yaml:3:3: train.batsh: unknown key (did you mean train.batch?)",
  );
});

Deno.test("merge keys that merge nothing, a second one, and one in quotes are refused", () => {
  const wrong: [train: string, message: RegExp][] = [
    ["{ <<: 5 }", /a merge key takes a map, as in <<: \*defaults/],
    ["{ <<: }", /a merge key takes a map/],
    ["{ <<: [*a, 5] }", /a merge key takes a map/],
    ["{ <<: *none }", /no anchor &none before it/],
    [
      "\n  <<: *a\n  <<: *a",
      /r\.yaml:6:3: .*\(a second merge key .* as in <<: \[\*first, \*second\]/,
    ],
    ['{ "<<": *a }', /train\.<<: unknown key/],
  ];
  for (const [train, message] of wrong) {
    assert.match(complaint(`x-a: &a { batch: 3 }\n${GLYPHS}train: ${train}\n`), message);
  }
});

Deno.test("keys that begin with x- hold anchors at the top, and are unknown elsewhere", () => {
  parseRecipe(`x-a: [1, { b: 2 }]\n${GLYPHS}`, "r.yaml");
  assert.match(complaint(`${GLYPHS}train: { x-a: 1 }\n`), /train\.x-a: unknown key/);
});
