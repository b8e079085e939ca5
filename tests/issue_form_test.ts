/**
 * The form of an issue is one that GitHub accepts: https://docs.github.com, "Syntax for GitHub's form
 * schema".
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseYaml } from "../lib/recipe/yaml.ts";
import { ROOT } from "./support/command.ts";

const FOLDER = `${ROOT}.github/ISSUE_TEMPLATE/`;

/** Keys that an element may have in `attributes`; those with a star must be there. */
const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  markdown: ["value*"],
  textarea: ["label*", "description", "placeholder", "value", "render"],
  input: ["label*", "description", "placeholder", "value"],
  dropdown: ["label*", "description", "multiple", "options*", "default"],
  checkboxes: ["label*", "description", "options*"],
};

interface Element {
  readonly type: string;
  readonly id?: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly validations?: Readonly<Record<string, unknown>>;
}

async function read(name: string): Promise<Readonly<Record<string, unknown>>> {
  const parsed = parseYaml(await Deno.readTextFile(FOLDER + name));
  assert.ok("value" in parsed, JSON.stringify(parsed));
  return parsed.value as Record<string, unknown>;
}

/** Checks the keys of a map: all are among `keys`, and those with a star are there. */
function checkKeys(map: object, keys: readonly string[], where: string): void {
  const known = keys.map((key) => key.replace("*", ""));
  for (const key of Object.keys(map)) assert.ok(known.includes(key), `${where}: ${key}`);
  for (const key of keys.filter((key) => key.endsWith("*"))) {
    assert.ok(key.slice(0, -1) in map, `${where} lacks ${key}`);
  }
}

Deno.test("every issue form has the keys that GitHub's schema asks for, and no others", async () => {
  const names = (await Array.fromAsync(Deno.readDir(FOLDER), ({ name }) => name))
    .filter((name) => name !== "config.yml");
  assert.deepEqual(names, ["bug.yml"]);
  for (const name of names) {
    const form = await read(name);
    const optional = ["title", "labels", "assignees", "projects", "type"];
    checkKeys(form, ["name*", "description*", "body*", ...optional], name);
    assert.ok(typeof form.name === "string" && typeof form.description === "string");
    const body = form.body as Element[];
    for (const { type, id, attributes, ...element } of body) {
      const where = `${name}: ${id ?? type}`, keys = ATTRIBUTES[type];
      assert.ok(keys, `${where}: ${type}`);
      checkKeys(element, ["validations"], where);
      checkKeys(attributes, keys, where);
      for (const key of ["label", "description", "placeholder", "value", "render"]) {
        assert.ok(["undefined", "string"].includes(typeof attributes[key]), `${where}: ${key}`);
      }
      const { required = true, ...others } = element.validations ?? {};
      assert.deepEqual([typeof required, others], ["boolean", {}], where);
      if (type === "markdown") assert.equal(id, undefined);
      else assert.match(id!, /^[\w-]+$/);
    }
    const asked = body.filter(({ type }) => type !== "markdown");
    const labels = asked.map(({ attributes }) => attributes.label);
    assert.equal(new Set(asked.map(({ id }) => id)).size, asked.length);
    assert.equal(new Set(labels).size, asked.length);
  }
});

Deno.test("the form asks for what happened, the recipe and the report of the doctor", async () => {
  const { body } = await read("bug.yml");
  const asked = new Map((body as Element[]).map((element) => [element.id, element]));
  for (const id of ["what-happened", "doctor"]) {
    assert.deepEqual(asked.get(id)?.validations, { required: true });
  }
  assert.ok(asked.has("recipe"));
  const { label, description } = asked.get("doctor")!.attributes;
  assert.match(`${label} ${description}`, /qtrain doctor --report/);
});

Deno.test("config.yml says only whether an issue may be blank", async () => {
  assert.deepEqual(await read("config.yml"), { blank_issues_enabled: true });
});
