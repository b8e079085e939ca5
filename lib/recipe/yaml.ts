// deno-lint-ignore-file no-import-prefix -- an import map does not apply to what is imported by URL
/**
 * YAML text in and out, with the line and column of every value. YAML 1.2: `yes` and `no` are
 * words, merge keys are keys, a repeated key is an error.
 *
 * @module
 */

import process from "node:process";
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  parseDocument,
  stringify,
  visit,
} from "npm:yaml@2.9.1";
import type { Path } from "../core/json_value.ts";

/**
 * Parses. The library asks the environment whether to log what it does; without leave to read that, it
 * is to get an empty one: a recipe needs no permission but to read it.
 */
const parse: typeof parseDocument = (text, options) => {
  const { env } = process;
  try {
    void [env.LOG_TOKENS, env.LOG_STREAM];
  } catch {
    process.env = {};
  }
  try {
    return parseDocument(text, options);
  } finally {
    if (process.env !== env) process.env = env;
  }
};

/** A place in a text. */
export interface Position {
  /** Lines of the text, from 1. */
  readonly line: number;
  /** UTF-16 units of that line, from 1. */
  readonly col: number;
}

/** YAML that can be read. */
export interface YamlText {
  /** Maps, lists and scalars. */
  readonly value: unknown;
  /** Where the value at `path` begins, or `key` itself; `undefined` where the text has no such. */
  position(path: Path, part: "value" | "key"): Position | undefined;
}

/** YAML that cannot be read: `expected valid YAML, got …`, and where. */
export interface YamlProblem extends Position {
  /** What is wrong, without the place. */
  readonly problem: string;
}

/** How often anchors may be repeated in all; nested ones multiply. */
const MAX_ALIASES = 100;

/** Brackets within brackets, or list items within list items on one line: the parser recurses. */
const MAX_NESTED = 100;

/** Reads one document. */
export function parseYaml(text: string): YamlText | YamlProblem {
  const lines = new LineCounter();
  const deep = tooDeep(text);
  if (deep !== undefined) return deepProblem(text, deep);
  let doc: Document;
  try {
    doc = parse(text, { lineCounter: lines, prettyErrors: false, logLevel: "error" });
  } catch (error) {
    // The stack of the parser, at what is nested by indentation alone: some thousand lines of it.
    if (!(error instanceof RangeError)) throw error;
    return deepProblem(text, 0);
  }
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), col: Math.max(col, 1) };
  };
  const wrong = (offset: number, why: string): YamlProblem => {
    const rest = text.slice(offset).split(/\r?\n/, 1)[0]!.trimEnd();
    const got = rest === ""
      ? text.slice(offset).trim() === "" ? "the end of the text" : "the end of the line"
      : JSON.stringify(rest.length > 40 ? rest.slice(0, 37) + "..." : rest);
    return { ...at(offset), problem: `expected valid YAML, got ${got} (${why})` };
  };

  const first = doc.errors[0] ?? doc.warnings[0];
  if (first) return wrong(first.pos[0], reason(first.code, first.message));
  const key = firstComplexKey(doc);
  if (key) return wrong(key.range?.[0] ?? 0, "a key must be a word");
  try {
    const value: unknown = doc.toJS({ maxAliasCount: MAX_ALIASES });
    return {
      value,
      position: (path, part) => {
        const offset = offsetOf(doc, path, part);
        return offset === undefined ? undefined : at(offset);
      },
    };
  } catch (error) {
    // Only aliases fail this late, and the error does not say which: name the first bad one.
    if (!(error instanceof ReferenceError)) throw error;
    const { alias, unset } = suspectAlias(doc);
    const why = unset ? "no anchor of that name before it" : "too many aliases of aliases";
    return wrong(alias?.range?.[0] ?? 0, why);
  }
}

function deepProblem(text: string, offset: number): YamlProblem {
  const before = text.slice(0, offset), line = before.split("\n").length;
  const problem = `expected valid YAML, got more than ${MAX_NESTED} levels (nested too deeply)`;
  return { line, col: offset - before.lastIndexOf("\n"), problem };
}

/** Tokens that stand for nothing in the text: a document, a scalar, the end of an error in brackets. */
const MARKS: ReadonlySet<string> = new Set(["\x02", "\x18", "\x1f"]);

/** Where a text nests deeper than a recipe does, as far as that shows without parsing it. */
function tooDeep(text: string): number | undefined {
  let offset = 0, flow = 0, inLine = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === "[" || token === "{") flow++;
    else if (token === "]" || token === "}") flow--;
    else if (token === "-" || token === "?" || token === ":") inLine++;
    else if (token.includes("\n")) inLine = 0;
    if (flow > MAX_NESTED || (flow <= 0 && inLine > MAX_NESTED)) return offset;
    if (!MARKS.has(token)) offset += token.length;
  }
  return undefined;
}

/** Writes a plain value as YAML: lists of scalars on one line. */
export function formatYaml(value: unknown): string {
  const node = parse(stringify(value, { aliasDuplicateObjects: false }));
  visit(node, {
    Seq: (_, seq) => {
      if (seq.items.every((item) => !isCollection(item))) seq.flow = true;
    },
  });
  return node.toString({ lineWidth: 100, flowCollectionPadding: false });
}

function reason(code: string, message: string): string {
  if (code === "RESOURCE_EXHAUSTION") return "nested too deeply";
  if (code === "DUPLICATE_KEY") return "this key is there twice";
  if (code === "MULTIPLE_DOCS") return "a second document";
  return message.charAt(0).toLowerCase() + message.slice(1);
}

function firstComplexKey(doc: Document): Node | undefined {
  let found: Node | undefined;
  visit(doc, {
    Pair: (_, { key }) => {
      if (!isCollection(key) && !isAlias(key)) return;
      found = key;
      return visit.BREAK;
    },
  });
  return found;
}

/** The first alias without an anchor before it, else the last alias of the text. */
function suspectAlias(doc: Document): { alias: Node | undefined; unset: boolean } {
  let alias: Node | undefined;
  let unset = false;
  visit(doc, {
    Alias: (_, node) => {
      alias = node;
      unset = node.resolve(doc) === undefined;
      return unset ? visit.BREAK : undefined;
    },
  });
  return { alias, unset };
}

/** Offset of the value at `path`, or of its key. A list item has no key: its value, then. */
function offsetOf(doc: Document, path: Path, part: "value" | "key"): number | undefined {
  let node: unknown = doc.contents;
  let key: unknown;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(doc);
    key = undefined;
    if (isSeq(node)) {
      node = node.items[Number(step)];
    } else if (isMap(node)) {
      const pair = node.items.find((item) =>
        String(isScalar(item.key) ? item.key.value ?? "" : item.key) === String(step)
      );
      if (!pair) return undefined;
      key = pair.key;
      node = pair.value ?? pair.key;
    } else return undefined;
    if (node === undefined || isPair(node)) return undefined;
  }
  const at = part === "key" ? key ?? node : node;
  return (at as Node | null)?.range?.[0] ?? 0;
}
