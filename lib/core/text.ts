/**
 * Text that came from a file or a person, for a screen and for a shell.
 *
 * @module
 */

/** What changes how a terminal behaves or orders what follows: controls, bidi marks, line separators. */
const CONTROLS = /(?![\n\t])\p{Cc}|[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * What leaves no mark on a screen, or that of a blank or a hyphen. The joiners U+200C and U+200D and variation
 * selectors are parts of words of some scripts, and of emoji: they hide only in other places.
 */
const HIDDEN =
  /[\p{Cc}\p{Co}\p{Cs}\p{Zl}\p{Zp}\u2010\u2011]|(?! )\p{Zs}|(?![\u200c\u200d\ufe0e\ufe0f])[\p{Cf}\p{Default_Ignorable_Code_Point}]|(?<![\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}\u200d\ufe0f])[\u200c\u200d\ufe0e\ufe0f]|(?<=[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}])[\u200c\u200d\ufe0e\ufe0f]/gu;

/** Greek and Cyrillic letters with the shape of a Latin one. */
const LATIN_SHAPES =
  /[\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u0405\u0406\u0408\u0410\u0412\u0415\u041a\u041c-\u041e\u0420-\u0422\u0425\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458]/gu;

/** A character as its code: `\u00a0`, as JSON writes it. */
function code(character: string): string {
  const hex = character.codePointAt(0)!.toString(16);
  return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, "0")}`;
}

/**
 * Text for a terminal: control characters and those that reorder text become codes such as `\u001b`.
 * Line breaks and tabs stay.
 */
export function printable(text: string): string {
  return text.replace(CONTROLS, code);
}

/** A name in a table or list: as {@linkcode printable}, with line breaks and tabs as codes too. */
export function oneLine(text: string): string {
  return printable(text).replace(/[\n\t]/g, code);
}

/**
 * A name or value whose characters can be told apart by eye, on one line. Shown as codes (`\u00a0`):
 * blanks and hyphens other than the ordinary ones, what has no width, controls, letters written as a base and marks
 * where one character is usual (`e\u0301` for a decomposed é), and Greek and Cyrillic letters that
 * look Latin within a Latin word. Every other letter of every script stays.
 */
export function visible(text: string): string {
  const shown = text.replace(
    /[\p{L}\p{M}\p{N}]+/gu,
    (word) => /\p{Script=Latin}/u.test(word) ? word.replace(LATIN_SHAPES, code) : word,
  )
    .replace(HIDDEN, code);
  if (shown.normalize("NFC") === shown) return shown;
  let result = "";
  for (const { segment } of new Intl.Segmenter("en").segment(shown)) {
    const [first = "", ...marks] = segment;
    if (segment.normalize("NFC") === segment) result += segment;
    else result += marks.length === 0 ? code(first) : first + marks.map(code).join("");
  }
  return result;
}

/** Maximum characters of a name of a file in a message. */
const MAX_NAME = 100;

/** A name from a file that may be damaged, in a message: as {@linkcode visible}, its first 100 characters. */
export function visibleName(name: string): string {
  return visible(name.slice(0, MAX_NAME)) + (name.length > MAX_NAME ? "…" : "");
}

/** What a character is that {@linkcode visible} shows as a code. The first that fits. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/\u00a0|\u202f/u, "a no-break space"],
  [/\ufeff/u, "a byte order mark"],
  [/\u200b/u, "a zero-width space"],
  [/\u00ad/u, "a soft hyphen"],
  [/[\u2010\u2011]/u, "a hyphen of print, not -"],
  [/\p{Zs}/u, "not the ordinary blank"],
  [/\p{M}/u, "an accent apart from its letter"],
  [/\p{Script=Cyrillic}/u, "a Cyrillic letter"],
  [/\p{Script=Greek}/u, "a Greek letter"],
  [/\p{Cc}/u, "a control character"],
  [/\p{L}/u, "a letter in an unusual form"],
];

/**
 * Names the first character that {@linkcode visible} shows as a code, as in `\u00a0 is a no-break
 * space`; `undefined` if there is none.
 */
export function hiddenCharacter(text: string): string | undefined {
  const shown = visible(text);
  for (let at = 0; at < text.length; at++) {
    if (text[at] === shown[at]) continue;
    const character = String.fromCodePoint(text.codePointAt(at)!);
    const [, kind = "a character that does not show"] = KINDS.find(([pattern]) =>
      pattern.test(character)
    ) ?? [];
    return `${code(character)} is ${kind}`;
  }
  return undefined;
}

/** Whether bytes are text in UTF-16, as some editors and PowerShell save it: by its mark, or its zeros. */
export function isUtf16(bytes: Uint8Array): boolean {
  const [a, b] = bytes;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) return true;
  const start = bytes.subarray(0, 64), zeros = [0, 0];
  start.forEach((byte, i) => byte === 0 && zeros[i % 2]!++);
  return start.length > 1 && Math.abs(zeros[0]! - zeros[1]!) > start.length / 4;
}

/** Maximum names of a list in a message. */
const MAX_LISTED = 5;

/** Names in a message, as `a, b and c`, or the first five of more; all are `visible`. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).map(visible);
  if (names.length > MAX_LISTED) return `${shown.join(", ")}, …`;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

/** Characters that no shell gives a meaning, anywhere but at the beginning of a word. */
const PLAIN = /^[\p{L}\p{M}\p{N}_./:,@%+=-]*$/u;

/**
 * A path, or `key=value`, as one word to paste into a POSIX shell: in quotes where it needs them; of
 * `key=value` only the value. A path that begins with `-` becomes `./-…`, as it would be an option.
 * What a terminal does not show as it is (control characters) is written by `printf`. On Windows the
 * quotes are double ones.
 */
export function shellWord(text: string, windows = Deno.build.os === "windows"): string {
  const [, key = "", value = text] = /^([A-Za-z_][\w.-]*=)(.*)$/s.exec(text) ?? [];
  const path = key === "" && value.startsWith("-") ? `./${value}` : value;
  if (windows) {
    return key + (path !== "" && /^[\p{L}\p{M}\p{N}_.:\\/+-]*$/u.test(path) ? path : `"${path}"`);
  }
  return key + quoted(path);
}

function quoted(text: string): string {
  if (text !== "" && PLAIN.test(text) && !text.startsWith("=")) return text;
  const [, body = "", end = ""] = /^(.*?)(\n*)$/s.exec(text)!;
  if (body !== printable(body) || /[\n\t]/.test(body)) {
    // $(…) drops the line breaks at its end: they follow in quotes of their own.
    return `"$(printf '${octal(body)}')"` + (end === "" ? "" : `'${end}'`);
  }
  return text.includes("'") && !/["$`\\!]/.test(text)
    ? `"${text}"`
    : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The bytes of a text as `printf` takes them; all but ordinary ones as `\nnn`. */
function octal(text: string): string {
  const word = (part: string) =>
    [...new TextEncoder().encode(part)].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`)
      .join("");
  return text.replace(/^-|[^\p{L}\p{M}\p{N}_./:,@+= -]/gu, word);
}
