/**
 * Text from files and people on a screen and in a shell.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import {
  hiddenCharacter,
  isUtf16,
  listed,
  oneLine,
  printable,
  shellWord,
  visible,
} from "../lib/core/text.ts";

/** Pairs that look alike; the first is usual, the second shows its codes. */
const ALIKE: readonly [name: string, usual: string, other: string, shown: string][] = [
  ["a no-break space", "epochs", "epochs\u00a0", "epochs\\u00a0"],
  ["a byte order mark", "epochs", "\ufeffepochs", "\\ufeffepochs"],
  ["a zero-width space", "cat", "c\u200bat", "c\\u200bat"],
  ["a joiner after a digit", "2021", "2021\u200d", "2021\\u200d"],
  ["a joiner between Latin letters", "cat", "c\u200dat", "c\\u200dat"],
  ["a hyphen that does not break", "a-b", "a\u2011b", "a\\u2011b"],
  ["a soft hyphen", "cat", "c\u00adat", "c\\u00adat"],
  ["an ideographic space", "a b", "a\u3000b", "a\\u3000b"],
  ["a decomposed é", "caf\u00e9", "cafe\u0301", "cafe\\u0301"],
  ["a half decomposed ế", "\u1ebf", "\u00ea\u0301", "\u00ea\\u0301"],
  ["a decomposed Korean syllable", "\ud55c", "\u1112\u1161\u11ab", "\u1112\\u1161\\u11ab"],
  ["the sign of Ångström", "\u00c5", "\u212b", "\\u212b"],
  ["a Cyrillic letter in a Latin word", "cnn", "\u0441nn", "\\u0441nn"],
  ["an override of direction", "txt.exe", "\u202etxt.exe", "\\u202etxt.exe"],
  ["a control character", "a", "a\x1b[31m", "a\\u001b[31m"],
  ["a line break", "a", "a\n", "a\\u000a"],
  ["a tag character", "a", "a\u{e0041}", "a\\u{e0041}"],
];

Deno.test("names that look alike differ on the screen, and the usual one stays as it is", () => {
  for (const [name, usual, other, shown] of ALIKE) {
    assert.equal(visible(other), shown, name);
    assert.equal(visible(usual), usual, name);
  }
});

Deno.test("letters of every script, marks that no letter has, and emoji stay as they are", () => {
  const names = [
    "señor Größe œuvre",
    "кошка",
    "γάτα",
    "猫・犬",
    "고양이",
    "बिल्ली क्‍ष",
    "می‌خواهم",
    "قطة",
    "x̂",
    "👩‍👩‍👧 ❤️ 🏳️‍🌈",
    "β-carotene 5 µm",
    "a b.c/d#e'f\"g",
  ];
  for (const name of names) assert.equal(visible(name), name);
});

Deno.test("a terminal gets no control characters and nothing that reorders text", () => {
  assert.equal(printable("a\x1b[31mb\r\x07\x9b"), "a\\u001b[31mb\\u000d\\u0007\\u009b");
  assert.equal(printable("\u202egnp.exe\u2069 \u2028"), "\\u202egnp.exe\\u2069 \\u2028");
  const text = "one\ttwo\ncafe\u0301 a\u00a0b قطة 👩‍👧";
  assert.equal(printable(text), text);
});

Deno.test("names in a list are shown as they differ, at most five of them", () => {
  assert.equal(listed([]), "");
  assert.equal(listed(["cat", "cat\u00a0"]), "cat and cat\\u00a0");
  assert.equal(listed([..."abcdefg"]), "a, b, c, d, e, …");
  assert.equal(oneLine("a\tb\nc\x1b"), "a\\u0009b\\u000ac\\u001b");
});

Deno.test("the first hidden character is named", () => {
  assert.equal(hiddenCharacter("café 猫"), undefined);
  assert.equal(hiddenCharacter("\\\u00a0\u200b"), "\\u00a0 is a no-break space");
  assert.equal(hiddenCharacter("cafe\u0301"), "\\u0301 is an accent apart from its letter");
  assert.equal(hiddenCharacter("\u{e0041}"), "\\u{e0041} is a character that does not show");
});

Deno.test("UTF-16 is told from other bytes", () => {
  const bytes = (...list: number[]) => isUtf16(Uint8Array.from(list));
  assert.ok(bytes(0xff, 0xfe) && bytes(0xfe, 0xff) && bytes(65, 0, 66, 0) && bytes(0, 65, 0, 66));
  assert.ok(!bytes() && !bytes(65) && !bytes(0, 0, 0, 0) && !bytes(65, 66, 67, 68));
  assert.ok(!isUtf16(new TextEncoder().encode("\ufeffdata: 猫")));
});

Deno.test("a word that needs no quotes gets none", () => {
  const words = [
    "a",
    "/data/x-1.5_b",
    "data.root=/a/b",
    "a@b:c,d%e+f",
    "猫/é.png",
    "train.lr=1e-3",
  ];
  for (const word of words) assert.equal(shellWord(word, false), word);
});

Deno.test("quotes go around the value alone", () => {
  assert.equal(shellWord("data.root=/my photos", false), "data.root='/my photos'");
  assert.equal(shellWord("data.root=it's", false), `data.root="it's"`);
  assert.equal(shellWord("data.root=", false), "data.root=''");
  assert.equal(shellWord("/my photos=#1", false), "'/my photos=#1'");
});

Deno.test("a path that begins with a dash is no option", () => {
  assert.equal(shellWord("-run", false), "./-run");
  assert.equal(shellWord("data.root=-5", false), "data.root=-5");
});

Deno.test("on Windows the quotes are double ones", () => {
  assert.equal(shellWord("C:\\photos\\a", true), "C:\\photos\\a");
  assert.equal(shellWord("data.root=C:\\my photos", true), 'data.root="C:\\my photos"');
});

const ignore = Deno.build.os === "windows";

Deno.test("a shell gives back every word, and a terminal shows all of it", { ignore }, async () => {
  const words = [
    "photos #2",
    "[old] photos",
    "it's",
    `it's "so" $HOME`,
    "a\\b",
    "`date`",
    "~",
    "~/x",
    "!x!",
    "*",
    "a;b&c|d<e>(f)",
    "{a,b}",
    "=x",
    "a=b c",
    "%s %n",
    "no\u00a0break",
    "cafe\u0301",
    "",
    "two\nlines",
    "ends\n\n",
    "a\x1b[31mb%\\'",
    "\u202egnp",
    "-\x1b",
    ...ALIKE.map(([, , other]) => other),
  ];
  const program = words.map((word) => `printf '%s\\0' ${shellWord(`k=${word}`, false)}`).join("\n");
  assert.equal(printable(program), program);
  const { stdout, success } = await new Deno.Command("sh", { args: ["-c", program] }).output();
  assert.ok(success);
  const got = new TextDecoder("utf-8", { ignoreBOM: true }).decode(stdout).split("\0").slice(0, -1);
  assert.deepEqual(got, words.map((word) => `k=${word}`));
});
