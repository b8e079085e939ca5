/**
 * What the documents name exists: files, links with their headings, tasks, recipe keys; and every
 * recipe in them can be read.
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { schemaFaults } from "./support/schema_validator.ts";
import { parseRecipe } from "../mod.ts";

const ROOT = new URL("../", import.meta.url);

/** All documents, by path from the root. */
const documents: string[] = ["README.md", "CONTRIBUTING.md"];
for (const { name } of Deno.readDirSync(new URL("docs", ROOT))) {
  if (name.endsWith(".md")) documents.push(`docs/${name}`);
}
const texts = new Map(documents.map((file) => [file, read(file)]));

function read(file: string): string {
  return Deno.readTextFileSync(new URL(file, ROOT));
}

function exists(path: string): boolean {
  try {
    Deno.statSync(new URL(path, ROOT));
    return true;
  } catch {
    return false;
  }
}

/** A document without its blocks of code. */
function prose(text: string): string {
  return text.replace(/^```[^]*?^```$/gm, "").replace(/^ {4,}.*$/gm, "");
}

/** What stands between backticks in a document's prose. */
function quoted(text: string): string[] {
  return [...prose(text).matchAll(/`([^`\n]+)`/g)].map(([, inner]) => inner!);
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchors(text: string): Set<string> {
  const headings = prose(text).matchAll(/^#+ (.*)$/gm);
  const slug = (title: string) =>
    title.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
  return new Set([...headings].map(([, title]) => slug(title!)));
}

/** The blocks of a language in a document. */
function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "gm"))]
    .map(([, body]) => body!);
}

Deno.test("every file and folder of the project that the documents name exists", () => {
  const faults: string[] = [];
  const folders = /^(lib|cli|kernels|tests|docs|configs|experiments)(\/[\w.-]+)+\/?$/;
  for (const [document, text] of texts) {
    for (const path of quoted(text)) {
      if (!folders.test(path) || /\b[A-Z]{2,}\b/.test(path)) continue; // NAME stands for any
      if (!exists(path)) faults.push(`${document}: ${path}`);
    }
  }
  assert.deepEqual(faults, []);
});

Deno.test("every link of the documents leads to a file and a heading that exist", () => {
  const faults: string[] = [];
  for (const [document, text] of texts) {
    for (const [, target] of prose(text).matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target!)) continue;
      const [path, anchor] = target!.split("#") as [string, string | undefined];
      const file = new URL(path || document.replace(/.*\//, ""), new URL(document, ROOT)).href
        .slice(ROOT.href.length);
      if (!exists(file)) faults.push(`${document}: ${target}`);
      else if (anchor !== undefined && !anchors(read(file)).has(anchor)) {
        faults.push(`${document}: ${target} has no such heading`);
      }
    }
  }
  assert.deepEqual(faults, []);
});

Deno.test("every task that the documents name exists", () => {
  const faults: string[] = [];
  const { tasks } = JSON.parse(read("deno.json")) as { tasks: Record<string, unknown> };
  for (const [document, text] of texts) {
    for (const [, name] of text.matchAll(/\b(?:deno|deno@[\d.]+) task ([a-z0-9:]+)/g)) {
      if (!Object.hasOwn(tasks, name!)) faults.push(`${document}: ${name}`);
    }
  }
  assert.deepEqual(faults, []);
});

Deno.test("every recipe in the documents can be read", () => {
  let count = 0;
  for (const [document, text] of texts) {
    for (const block of blocks(text, "yaml")) {
      const missing = (key: string) => !new RegExp(`^${key}:`, "m").test(block);
      const whole = (missing("data") ? "data: { format: glyphs }\n" : "") +
        (missing("model") ? "model: { name: cnn }\n" : "") + block;
      assert.doesNotThrow(() => parseRecipe(whole, `${ROOT.pathname}${document}`), document);
      assert.deepEqual(schemaFaults(whole), [], document);
      count++;
    }
  }
  assert.ok(count >= 8, `${count} recipes`);
});

Deno.test("every recipe key that the documents name is one", () => {
  const faults: string[] = [];
  const recipe = (model: string) => parseRecipe(`data: { format: glyphs }\n${model}`, "docs.yaml");
  const recipes = [
    "model: { name: resnet18 }",
    "model: { name: vgg16 }",
    "model: { layers: [relu] }",
  ]
    .map((model) => recipe(model)) as unknown as Record<string, unknown>[];
  const optional = new Set(["quantize.activations.range", "quantize.gradients.range"]);
  const has = (value: unknown, keys: readonly string[]): boolean =>
    keys.length === 0 ||
    typeof value === "object" && value !== null && Object.hasOwn(value, keys[0]!) &&
      has((value as Record<string, unknown>)[keys[0]!], keys.slice(1));
  for (const [document, text] of texts) {
    for (const inner of quoted(text)) {
      const key = /^((?:data|model|train|quantize)(?:\.[a-z_]+)+)(?:[=:].*)?$/.exec(inner)?.[1];
      if (key === undefined || /\.(json|ts|yaml|jsonl)$/.test(key) || optional.has(key)) continue;
      if (!recipes.some((whole) => has(whole, key.split(".")))) faults.push(`${document}: ${key}`);
    }
  }
  assert.deepEqual(faults, []);
});

Deno.test("every key of a complete recipe is in docs/recipe.md", () => {
  const leaves = (value: unknown, path: string): string[] =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.entries(value).flatMap(([key, item]) => leaves(item, path ? `${path}.${key}` : key))
      : [path];
  const recipe = parseRecipe("data: { format: glyphs }\nmodel: { name: cnn }", "docs.yaml");
  const text = read("docs/recipe.md");
  const missing = leaves(recipe, "").filter((key) =>
    !text.includes(`\`${key}\``) &&
    !text.includes(`\`${key.replace(/^quantize\.(activations|gradients)\./, "….")}\``)
  );
  assert.deepEqual(missing, []);
});
