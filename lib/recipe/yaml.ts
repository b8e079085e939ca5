// deno-lint-ignore-file no-import-prefix -- an import map does not apply to what is imported by URL
/**
 * YAML text in and out, with the line and column of every value. YAML 1.2: `yes` and `no` are
 * words, a repeated key is an error; and merge keys (`<<`), as other readers have them.
 *
 * @module
 */

import process from "node:process";
import {
  type Alias,
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
  type Pair,
  parseDocument,
  stringify,
  visit,
  type YAMLMap,
} from "npm:yaml@2.9.1";
import type { Path } from "../core/json_value.ts";
import { describe, oddCharacter } from "./recipe_errors.ts";

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
  /** The scalar at `path` as it is written, `007` for 7; `undefined` where there is none. */
  source(path: Path): string | undefined;
}

/** YAML that cannot be read: `expected valid YAML, got …`, and where. */
export interface YamlProblem extends Position {
  /** What is wrong, without the place. */
  readonly problem: string;
}

const OPTIONS = { merge: true, prettyErrors: false, logLevel: "error" } as const;

/** How often anchors may be repeated in all; nested ones multiply. */
const MAX_ALIASES = 100;

/** Brackets within brackets, or list items within list items on one line: the parser recurses. */
const MAX_NESTED = 100;

/**
 * Reads one document.
 *
 * @param takesText whether a text is expected at a path, for advice about quotes
 */
export function parseYaml(
  text: string,
  takesText: (path: Path) => boolean = () => false,
): YamlText | YamlProblem {
  const lines = new LineCounter();
  const deep = tooDeep(text);
  if (deep !== undefined) return deepProblem(text, deep);
  let doc: Document;
  try {
    doc = parse(text, { ...OPTIONS, lineCounter: lines });
  } catch (error) {
    // The stack of the parser, at what is nested by indentation alone: some thousand lines of it.
    if (!(error instanceof RangeError)) throw error;
    return deepProblem(text, 0);
  }
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), col: Math.max(col, 1) };
  };
  const wrong = (offset: number, why: string, what?: string): YamlProblem => {
    const remedy = what ?? oddNear(text, offset) ?? quotesFor(text, offset, takesText) ?? "";
    const problem = `expected valid YAML, got ${restOfLine(text, offset)} (${why})${remedy}`;
    return { ...at(offset), problem };
  };

  const first = doc.errors[0] ?? doc.warnings[0];
  if (first) return wrong(first.pos[0], reason(first.code, first.message));
  const key = firstComplexKey(doc);
  if (key) return wrong(key.range?.[0] ?? 0, "a key must be a word");
  const { unset, last, target } = aliasesOf(doc);
  if (unset) {
    const { source, range } = unset.at(-1) as Alias;
    const remedy = takesText(pathOf(unset)) ? `; write "*${source}"` : "";
    return wrong(range?.[0] ?? 0, `no anchor &${source} before it`, remedy);
  }
  const merge = firstWrongMerge(doc, target);
  if (merge) return wrong(merge.offset, merge.why);
  try {
    const value: unknown = doc.toJS({ maxAliasCount: MAX_ALIASES });
    return {
      value,
      position: (path, part) => {
        const found = partAt(doc, path, target);
        const node = part === "key" ? found?.key ?? found?.value : found?.value;
        return found && at(node?.range?.[0] ?? 0);
      },
      source: (path) => {
        const node = target(partAt(doc, path, target)?.value);
        return isScalar(node) ? node.source : undefined;
      },
    };
  } catch (error) {
    // Only aliases of aliases fail this late.
    if (!(error instanceof ReferenceError)) throw error;
    return wrong(last?.range?.[0] ?? 0, "too many aliases of aliases");
  }
}

/** What a text has at an offset, for a message. */
function restOfLine(text: string, offset: number): string {
  const rest = text.slice(offset).split(/\r?\n/, 1)[0]!.trimEnd();
  if (rest === "") {
    return text.slice(offset).trim() === "" ? "the end of the text" : "the end of the line";
  }
  return describe(rest.length > 40 ? rest.slice(0, 37) + "..." : rest);
}

/** What to do about a character in a line that is not what it seems, or about one that indents a line before. */
function oddNear(text: string, offset: number): string | undefined {
  // A tab has a message of its own.
  const line = text.slice(offset).split(/\r?\n/, 1)[0]!.replaceAll("\t", " ");
  const odd = oddCharacter(line);
  if (odd !== undefined) return odd;
  const before = text.slice(0, offset), indented = /\n[ \t]*([^\S \t\r\n])/.exec(before);
  if (!indented) return undefined;
  const number = before.slice(0, indented.index).split("\n").length + 1;
  return `${oddCharacter(indented[1]!) ?? ""}, in line ${number}`;
}

/**
 * What to do about a text that YAML takes for something else: the line with quotes around it, if that
 * is then YAML and a text is wanted there.
 */
function quotesFor(
  text: string,
  offset: number,
  takesText: (path: Path) => boolean,
): string | undefined {
  const begin = text.lastIndexOf("\n", offset - 1) + 1;
  const [line = ""] = text.slice(begin).split(/\r?\n/, 1);
  const [, key = "", value = ""] = /^(\s*(?:- )?[\w.-]+: +)([^\s'{].*?)\s*$/.exec(line) ?? [];
  // Within double quotes a backslash begins a code: "C:\photos".
  const [, inner] = /^"([^"]*\\[^"]*)"$/.exec(value) ?? [];
  if (value === "" || (value.startsWith('"') && inner === undefined)) return undefined;
  const single = inner !== undefined && `'${inner.replaceAll("'", "''")}'`;
  const quoted = key + (single || JSON.stringify(value));
  const doc = parse(text.slice(0, begin) + quoted + text.slice(begin + line.length), OPTIONS);
  if (doc.errors.length > 0 || aliasesOf(doc).unset) return undefined;
  let wanted = false;
  visit(doc, {
    Scalar: (_, node, ancestors) => {
      if (node.range?.[0] !== begin + key.length) return undefined;
      wanted = takesText(pathOf([...ancestors, node]));
      return visit.BREAK;
    },
  });
  return wanted ? `; write ${quoted.trim()}` : undefined;
}

/** The keys and indices on the way from a document to a node in it. */
function pathOf(nodes: readonly unknown[]): Path {
  return nodes.flatMap((node, i): Path => {
    if (isPair(node)) return isScalar(node.key) ? [String(node.key.value)] : [];
    return isSeq(node) ? [node.items.indexOf(nodes[i + 1])] : [];
  });
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
  if (code === "TAB_AS_INDENT") return "a tab at the beginning of a line; use blanks";
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

/** What stands for an alias; any other node stands for itself. */
type Target = (node: unknown) => unknown;

/**
 * The aliases of a document, found in one pass: their targets, the first without an anchor before it
 * with the nodes that lead to it, and the last.
 */
function aliasesOf(
  doc: Document,
): { unset: readonly unknown[] | undefined; last: Alias | undefined; target: Target } {
  const anchors = new Map<string, Node>(), targets = new Map<unknown, Node>();
  let unset: readonly unknown[] | undefined, last: Alias | undefined;
  visit(doc, {
    Node: (_, node, ancestors) => {
      if (!isAlias(node)) {
        if (node.anchor) anchors.set(node.anchor, node);
        return;
      }
      last = node;
      const found = anchors.get(node.source);
      if (found) targets.set(node, found);
      else unset ??= [...ancestors, node];
    },
  });
  return { unset, last, target: (node) => targets.get(node) ?? node };
}

/** The key and the value of a part of a document. An item of a list has no key. */
interface Part {
  readonly key: Node | undefined;
  readonly value: Node | undefined;
}

/** The part at `path`, through aliases and merge keys. */
function partAt(doc: Document, path: Path, target: Target): Part | undefined {
  let part: Part = { key: undefined, value: doc.contents ?? undefined };
  for (const step of path) {
    const node = target(part.value);
    if (isSeq(node)) part = { key: undefined, value: node.items[Number(step)] as Node | undefined };
    else if (isMap(node)) {
      const pair = pairOf(node, String(step), target);
      if (!pair) return undefined;
      part = { key: pair.key as Node, value: (pair.value ?? pair.key) as Node };
    } else return undefined;
    if (part.value === undefined || isPair(part.value)) return undefined;
  }
  return part;
}

/** The pair of a key in a map, or in what is merged into it: the first that has it. */
function pairOf(map: YAMLMap, key: string, target: Target): Pair | undefined {
  const own = map.items.find((pair) =>
    String(isScalar(pair.key) ? pair.key.value ?? "" : pair.key) === key
  );
  if (own) return own;
  for (const merged of map.items.filter(isMerge).flatMap((pair) => mergedBy(pair, target))) {
    const found = isMap(merged) ? pairOf(merged, key, target) : undefined;
    if (found) return found;
  }
  return undefined;
}

/** Whether a key is `<<`, without quotes. */
function isMerge({ key }: Pair): boolean {
  return isScalar(key) && typeof key.value === "symbol";
}

/** What a merge key merges: a map, or each of a list. */
function mergedBy({ value }: Pair, target: Target): readonly unknown[] {
  const merged = target(value);
  return isSeq(merged) ? merged.items.map(target) : [merged];
}

/** The first merge key that merges something else than maps, and a second one in the same map. */
function firstWrongMerge(
  doc: Document,
  target: Target,
): { offset: number; why: string } | undefined {
  let found: { offset: number; why: string } | undefined;
  visit(doc, {
    Map: (_, map) => {
      const merges = map.items.filter(isMerge);
      const [first, second] = merges;
      const offset = (pair: Pair) => (pair.key as Node).range?.[0] ?? 0;
      if (first && second) {
        const why =
          "a second merge key in this map; write one for all, as in <<: [*first, *second]";
        found = { offset: offset(second), why };
      } else if (first && !mergedBy(first, target).every(isMap)) {
        found = { offset: offset(first), why: "a merge key takes a map, as in <<: *defaults" };
      }
      return found ? visit.BREAK : undefined;
    },
  });
  return found;
}
