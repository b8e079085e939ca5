/**
 * Expands a shader template. Directives are WGSL comments, so a template reads as a shader:
 *
 *     //@ include NAME            the text of kernels/include/NAME.wgsl, expanded with the same values
 *     //@ if EXPR … //@ else … //@ end
 *     //@ for i in 0..EXPR … //@ end      the body once for each i, unrolled
 *     //@ let NAME = EXPR                 names a value for the lines below
 *     ${NAME}                     the value of a constant or loop variable
 *
 * An operand (kernels/define_kernel.ts) is read from a uniform block instead of being pasted in, so
 * that steps which differ in nothing else share a pipeline: they are compiled once.
 *
 * EXPR is a name or a whole number, or sums of products of them (`p * SW + kx`), or two of these
 * compared with ==, <, or >; a number counts as true when it is not 0. Loops are unrolled here because the shader compilers under WebGPU bound every
 * loop and then do not, and an array of accumulators may leave the registers.
 *
 * @module
 */
import type { Constants } from "../../../kernels/define_kernel.ts";

/** The values that a template is expanded with. */
interface Context {
  /** `let` adds to them. */
  readonly constants: Record<string, number>;
  readonly includes: Readonly<Record<string, string>>;
  /** Returns whether a name is an operand. */
  isOperand(name: string): boolean;
  /** Operands that the text uses, in the order of their first use. */
  readonly used: Set<string>;
}

/**
 * Returns the WGSL of a template, and the names of the operands that it reads as `operand_NAME()`, each
 * a u32.
 *
 * @param source the template's text
 * @param constants the values of the names in it
 * @param includes the text of each file that `include` may name
 * @param isOperand returns whether a name is an operand; none is by default
 * @throws Error for an unknown name or an unbalanced directive: a defect of the template
 */
export function expand(
  source: string,
  constants: Constants,
  includes: Readonly<Record<string, string>> = {},
  isOperand: (name: string) => boolean = () => false,
): { readonly code: string; readonly operands: readonly string[] } {
  const used = new Set<string>();
  const code = whole(source, { constants: { ...constants }, includes, isOperand, used });
  return { code, operands: [...used] };
}

function whole(source: string, context: Context): string {
  const lines = source.split("\n");
  const [text, end] = block(lines, 0, context);
  if (end < lines.length) throw new Error(`template: "${lines[end]?.trim()}" closes nothing`);
  return text.join("\n");
}

/** Expands lines from `at` to the directive that closes the block; returns that line's index. */
function block(
  lines: readonly string[],
  at: number,
  context: Context,
): [string[], number] {
  const out: string[] = [], { constants, includes } = context;
  while (at < lines.length) {
    const line = lines[at]!;
    const [word, rest] = directive(line);
    if (word === undefined) {
      out.push(substitute(line, context));
      at++;
    } else if (word === "else" || word === "end") {
      return [out, at];
    } else if (word === "include") {
      const text = includes[rest];
      if (text === undefined) throw new Error(`template: no include is named "${rest}"`);
      out.push(whole(text, context));
      at++;
    } else if (word === "if") {
      const chosen = condition(rest, constants);
      let [body, close] = skipOrExpand(lines, at + 1, chosen, context);
      if (directive(lines[close] ?? "")[0] === "else") {
        const [other, end] = skipOrExpand(lines, close + 1, !chosen, context);
        if (!chosen) body = other;
        close = end;
      }
      expectEnd(lines, close, line);
      out.push(...body);
      at = close + 1;
    } else if (word === "let") {
      const [name, number] = definition(rest, constants);
      constants[name] = number;
      at++;
    } else if (word === "for") {
      const loop = /^(\w+) in (\w+)\.\.(\w+)$/.exec(rest);
      if (!loop) throw new Error(`template: cannot read "${line.trim()}"`);
      const [, name, from, to] = loop as unknown as [string, string, string, string];
      const close = skip(lines, at + 1);
      expectEnd(lines, close, line);
      for (let i = value(from, constants); i < value(to, constants); i++) {
        out.push(
          ...block(lines, at + 1, { ...context, constants: { ...constants, [name]: i } })[0],
        );
      }
      at = close + 1;
    } else {
      throw new Error(`template: unknown directive "${line.trim()}"`);
    }
  }
  return [out, at];
}

function directive(line: string): [string | undefined, string] {
  if (!line.includes("//@")) return [undefined, ""];
  const match = /^\s*\/\/@\s*(\w+)\s*(.*?)\s*$/.exec(line);
  return match ? [match[1], match[2]!] : [undefined, ""];
}

function skipOrExpand(
  lines: readonly string[],
  at: number,
  wanted: boolean,
  context: Context,
): [string[], number] {
  return wanted ? block(lines, at, context) : [[], skip(lines, at)];
}

/** The index of the `else` or `end` that closes the block opened just before `at`. */
function skip(lines: readonly string[], at: number): number {
  for (let depth = 0; at < lines.length; at++) {
    const [word] = directive(lines[at]!);
    if (word === "if" || word === "for") depth++;
    if (word === "end" && depth-- === 0) return at;
    if (word === "else" && depth === 0) return at;
  }
  return at;
}

function expectEnd(lines: readonly string[], at: number, opened: string): void {
  if (directive(lines[at] ?? "")[0] !== "end") {
    throw new Error(`template: "${opened.trim()}" has no end`);
  }
}

function condition(text: string, constants: Constants): boolean {
  const match = /^([\w\s*/+]+)(?:(==|<|>)([\w\s*/+]+))?$/.exec(text);
  if (!match) throw new Error(`template: cannot read the condition "${text}"`);
  const left = sum(match[1]!, constants);
  if (match[2] === undefined) return left !== 0;
  const right = sum(match[3]!, constants);
  return match[2] === "==" ? left === right : match[2] === "<" ? left < right : left > right;
}

/** The value of a sum of products and quotients, which must be whole. */
function sum(text: string, constants: Constants): number {
  const terms = text.split("+").map((term) => {
    const [first = "", ...rest] = term.trim().split(/\s*([*/])\s*/);
    let number = value(first, constants);
    for (let i = 0; i < rest.length; i += 2) {
      const by = value(rest[i + 1]!, constants);
      number = rest[i] === "*" ? number * by : number / by;
    }
    if (!Number.isInteger(number)) throw new Error(`template: "${text.trim()}" is not whole`);
    return number;
  });
  return terms.reduce((a, b) => a + b);
}

/** Reads `NAME = EXPR`. */
function definition(text: string, constants: Constants): [string, number] {
  const match = /^(\w+) = ([\w\s*/+]+)$/.exec(text);
  if (!match) throw new Error(`template: cannot read "let ${text}"`);
  return [match[1]!, sum(match[2]!, constants)];
}

function value(text: string, constants: Constants): number {
  if (/^\d+$/.test(text)) return Number(text);
  const found = constants[text];
  if (found === undefined) throw new Error(`template: no value for "${text}"`);
  return found;
}

function substitute(line: string, { constants, isOperand, used }: Context): string {
  if (!line.includes("${")) return line;
  return line.replace(/\$\{(\w+)\}(u?)/g, (_, name: string, unsigned: string) => {
    const number = value(name, constants);
    if (!isOperand(name)) return `${number}${unsigned}`;
    used.add(name);
    return unsigned ? `operand_${name}()` : `i32(operand_${name}())`;
  });
}
