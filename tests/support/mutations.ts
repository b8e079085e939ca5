/**
 * Damage to texts and files as disks, editors and attackers do it, made from a seed: the same seed
 * gives the same damage.
 *
 * @module
 */
import { scaleTo } from "../../lib/data/counter_rng.ts";
import { uniform } from "./fill.ts";

/** A stream of random choices. */
export class Dice {
  readonly #draw: (n: number) => number;
  #n = 0;

  constructor(seed: number) {
    this.#draw = uniform(seed);
  }

  /** A whole number from 0 to `count` − 1. */
  below(count: number): number {
    return scaleTo(Math.floor(this.#draw(this.#n++) * 2 ** 32), count);
  }

  /** One of a list. */
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

/** Numbers at the edges of what formats count with. */
const NUMBERS: readonly bigint[] = [
  0n,
  1n,
  2n,
  7n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0x7fffn,
  0xffffn,
  0x10000n,
  0xffffffn,
  0x7fffffffn,
  0x80000000n,
  0xfffffffen,
  0xffffffffn,
  0x100000000n,
  2n ** 53n - 1n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
];

/** What stands in a recipe in place of a value. */
const VALUES: readonly string[] = [
  "",
  "~",
  "[]",
  "{}",
  "-1",
  "0",
  "-0",
  "1e400",
  "-1e-400",
  ".nan",
  ".inf",
  "-.inf",
  "9007199254740993",
  "65536",
  "4294967296",
  "0x7fffffff",
  "0o777",
  "1_000",
  "1.5",
  "true",
  "no",
  '""',
  "'",
  '"\\u0000"',
  '"\\ud800"',
  "[[[[[[[[[[1]]]]]]]]]]",
  "{ a: { b: { c: {} } } }",
  "*x",
  "&x [*x]",
  "!!js/function 'function(){}'",
  "!!binary AAAA",
  "!!set { a }",
  "!!timestamp 2001-12-14",
  "!<tag:yaml.org,2002:python/object/apply:os.system> [ls]",
  "| 2\n   text",
  "? [a]\n: b",
  "<<: *x",
  "__proto__: { polluted: true }",
  "constructor",
  "toString",
  "../../../etc/passwd",
  "/etc",
  "/dev/zero",
  "file:///etc/passwd",
  "a".repeat(5000),
  "9".repeat(400),
  "é漢💥",
  "64EiB",
  "auto",
  "current-minmax",
  "none",
  "residual",
];

/** Characters that mean something in YAML, or nothing anywhere. */
const MARKS = [..."{}[]:,-?&*!|>'\"%@`#\t \n\r\0\u0085\u2028\ufeff\x1b\x7f<=~.", "---\n", "...\n"];

const EDITS: readonly ((lines: string[], dice: Dice, others: readonly string[]) => void)[] = [
  (lines, dice) => void lines.splice(dice.below(lines.length), 1 + dice.below(3)),
  (lines, dice) => {
    const at = dice.below(lines.length);
    lines.splice(at, 0, ...Array<string>(dice.of([1, 2, 50])).fill(lines[at]!));
  },
  (lines, dice) => {
    const a = dice.below(lines.length), b = dice.below(lines.length);
    [lines[a], lines[b]] = [lines[b]!, lines[a]!];
  },
  (lines, dice) => {
    const at = dice.below(lines.length);
    lines[at] = " ".repeat(dice.below(7)) + lines[at]!.trimStart();
  },
  // A value.
  ...Array.from({ length: 5 }, () => (lines: string[], dice: Dice) => {
    const at = dice.below(lines.length);
    lines[at] = lines[at]!.replace(/([:,[]\s*)([^\s,{}[\]]+)(?=[^:]*$)/, `$1${dice.of(VALUES)}`);
  }),
  // A number.
  ...Array.from({ length: 3 }, () => (lines: string[], dice: Dice) => {
    const at = dice.below(lines.length);
    const numbers = [...lines[at]!.matchAll(/\d+(\.\d+)?/g)];
    if (numbers.length === 0) return;
    const { index, 0: found } = dice.of(numbers);
    const value = dice.of([String(dice.below(300)), String(dice.of(NUMBERS)), `-${found}`]);
    lines[at] = lines[at]!.slice(0, index) + value + lines[at]!.slice(index + found.length);
  }),
  // A word by one from elsewhere.
  ...Array.from({ length: 3 }, () => (lines: string[], dice: Dice, others: readonly string[]) => {
    const at = dice.below(lines.length);
    const words = [...lines[at]!.matchAll(/[a-z_0-9-]+/g)];
    const from = dice.of(dice.of(others).split("\n")).match(/[a-z_0-9-]+/g) ?? ["x"];
    if (words.length === 0) return;
    const { index, 0: found } = dice.of(words);
    lines[at] = lines[at]!.slice(0, index) + dice.of(from) +
      lines[at]!.slice(index + found.length);
  }),
  // Characters.
  ...Array.from({ length: 3 }, () => (lines: string[], dice: Dice) => {
    const at = dice.below(lines.length), text = lines[at]!, place = dice.below(text.length + 1);
    lines[at] = text.slice(0, place) + dice.of(MARKS) + text.slice(place + dice.below(2));
  }),
  (lines, dice) => {
    const at = dice.below(lines.length);
    lines.length = at + 1;
    lines[at] = lines[at]!.slice(0, dice.below(lines[at]!.length + 1));
  },
  (lines, dice, others) => {
    const other = dice.of(others).split("\n");
    lines.splice(dice.below(lines.length), 0, ...other.slice(dice.below(other.length)));
  },
  (lines, dice) => {
    const depth = dice.of([10, 70, 1000, 20000]), open = dice.of(["[", "{ a: ", "- ", "? "]);
    const at = dice.below(lines.length);
    lines[at] = lines[at]!.replace(/:.*/, "") + ": " + open.repeat(depth);
  },
  // Aliases of aliases, ten more at each level.
  (lines, dice) => {
    const levels = dice.of([2, 3, 9]), names = [..."abcdefghij"].slice(0, levels + 1);
    const own = names.map((name, i) =>
      `${name}: &${name} [${i === 0 ? "lol" : Array(10).fill(`*${names[i - 1]}`).join(", ")}]`
    );
    lines.splice(dice.of([0, lines.length]), 0, ...own);
  },
];

/**
 * A damaged text: one to three edits, in rare cases bytes that are no text.
 *
 * @param others texts of the same kind, from which parts are taken
 */
export function mutatedText(
  text: string,
  others: readonly string[],
  dice: Dice,
): Uint8Array<ArrayBuffer> {
  const lines = text.split("\n");
  for (let i = 1 + dice.below(3); i > 0; i--) {
    dice.of(EDITS)(lines, dice, others);
    if (lines.length === 0) lines.push("");
  }
  const bytes = new TextEncoder().encode(lines.join("\n"));
  return dice.below(25) === 0 ? mutatedBytes(bytes, dice) : bytes;
}

/** Damaged bytes: one to three changes of any kind. */
export function mutatedBytes(bytes: Uint8Array, dice: Dice): Uint8Array<ArrayBuffer> {
  let out = new Uint8Array(bytes);
  for (let i = 1 + dice.below(3); i > 0; i--) out = changed(out, dice);
  return out;
}

function changed(bytes: Uint8Array<ArrayBuffer>, dice: Dice): Uint8Array<ArrayBuffer> {
  const { length } = bytes;
  if (length === 0) return Uint8Array.of(dice.below(256));
  // Headers and lists at the end decide more than what is between them.
  const at = dice.of([
    dice.below(length),
    dice.below(Math.min(length, 64)),
    dice.below(Math.min(length, 400)),
    length - 1 - dice.below(Math.min(length, 128)),
  ]);
  const some = 1 + dice.below(dice.of([4, 64, length]));
  switch (dice.below(10)) {
    case 0:
    case 1:
      bytes[at]! ^= 1 << dice.below(8);
      return bytes;
    case 2:
      bytes[at] = dice.of([0, 1, 0x7f, 0x80, 0xfe, 0xff, 0x20, 0x22, 0x7b, 0x5d]);
      return bytes;
    case 3:
    case 4: { // A number at an edge, of 1, 2, 4 or 8 bytes.
      const size = dice.of([1, 2, 4, 8]), little = dice.below(2) === 0, value = dice.of(NUMBERS);
      for (let i = 0; i < size && at + i < length; i++) {
        bytes[at + i] = Number(value >> BigInt(8 * (little ? i : size - 1 - i)) & 0xffn);
      }
      return bytes;
    }
    case 5: // Cut short.
      return bytes.slice(0, at);
    case 6: // Junk behind it.
      return joined(
        bytes,
        Uint8Array.from({ length: Math.min(some, 5000) }, () => dice.below(256)),
      );
    case 7: // A part is missing.
      return joined(bytes.subarray(0, at), bytes.subarray(at + some));
    case 8: { // A part twice.
      const part = bytes.subarray(at, at + Math.min(some, 5000));
      return joined(bytes.subarray(0, at), part, bytes.subarray(at));
    }
    default: { // Text: digits become others, or many.
      const digits: number[] = [];
      bytes.forEach((byte, i) => byte >= 0x30 && byte <= 0x39 && i < 4096 && digits.push(i));
      if (digits.length === 0) return bytes.fill(dice.of([0, 0xff]), at, at + some);
      const place = dice.of(digits), text = String(dice.of(NUMBERS));
      return joined(
        bytes.subarray(0, place),
        new TextEncoder().encode(dice.of([text, "-1", "1e3", "0", String(dice.below(10))])),
        bytes.subarray(place + 1),
      );
    }
  }
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
