/** NumPy data that is damaged, or does not fit its recipe: each named, with file and offset. */
import { join } from "node:path";
import { openDataset } from "../lib/data/open.ts";
import { type DataFields, dataRecipe, ramp, rejectsData, withFolder } from "./data_helpers.ts";
import { npy, type NpyParts, word, zip } from "./support/zip.ts";

type Files = Record<string, Uint8Array>;

const labels = (list: readonly number[], parts: Partial<NpyParts> = {}) =>
  npy({ dims: [list.length], body: list, ...parts });

/** Three training and two test images of 2×3, classes 0 to 2. */
const whole: Files = {
  "x_train.npy": npy({ dims: [3, 2, 3], body: ramp(18) }),
  "y_train.npy": labels([2, 0, 1]),
  "x_test.npy": npy({ dims: [2, 2, 3], body: ramp(12) }),
  "y_test.npy": labels([1, 2]),
};

const open = (root: string, fields: DataFields = {}) =>
  openDataset(dataRecipe({ format: "npz", root, ...fields }));

interface Case {
  name: string;
  /** Arrays that replace the good ones; null removes one. */
  files?: Record<string, Uint8Array | null>;
  recipe?: DataFields;
  /** Given `place`, which names the file of an array, and the folder. */
  message: (place: (name: string) => string, root: string) => string;
}

/** Changed bytes. */
function patched(bytes: Uint8Array, at: number, values: readonly number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

/** float32 numbers as little-endian bytes. */
function floats(count: number, value: (index: number) => number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * count));
  for (let i = 0; i < count; i++) view.setFloat32(4 * i, value(i), true);
  return new Uint8Array(view.buffer);
}

/** The file that commands write. */
const converted = (root: string) => `${root.replace(/\.npz$/, "")}-converted.npz`;

/** An array in Python. */
function loaded(root: string, name: string, pickled = false): string {
  const allow = pickled ? ", allow_pickle=True" : "";
  return root.endsWith(".npz")
    ? `np.load('${root}'${allow})['${name}']`
    : `np.load('${join(root, `${name}.npy`)}'${allow})`;
}

/** The command that converts the arrays `x` or `y`. */
function convert(
  root: string,
  expression: string,
  what: "x" | "y",
  pickled: readonly string[] = [],
): string {
  const arrays = ["x_train", "y_train", "x_test", "y_test"].map((name) => {
    const source = loaded(root, name, pickled.includes(name));
    return `${name}=${name.startsWith(what) ? `f(${source})` : source}`;
  });
  return `python3 -c "import numpy as np; f = lambda a: ${expression}; ` +
    `np.savez_compressed('${converted(root)}', ${arrays.join(", ")})"; then give ` +
    `data.format=npz data.root=${converted(root)}`;
}

const noHeader = npy({ dims: [3], body: [1, 2, 3] }).slice(0, 20);

const ARRAYS: Case[] = [
  {
    name: "a file that is no .npy",
    files: { "x_train.npy": Uint8Array.from(ramp(40)) },
    message: (place) =>
      `${place("x_train")}: byte 0: expected a .npy file, which opens with \\x93NUMPY, ` +
      "got another kind of file; write it with numpy.save",
  },
  {
    name: "a version of .npy that is not known",
    files: { "x_train.npy": patched(whole["x_train.npy"]!, 6, [4]) },
    message: (place) =>
      `${place("x_train")}: byte 6: expected version 1, 2 or 3 of .npy, got 4; ` +
      "write it with numpy.save",
  },
  {
    name: "a header that is cut short",
    files: { "y_test.npy": noHeader },
    message: (place) =>
      `${place("y_test")}: byte 8: expected a header of 118 bytes, got the end of the file at ` +
      "byte 20; get the file again",
  },
  {
    name: "a header that says more elements than there are",
    files: { "x_train.npy": npy({ dims: [60000, 28, 28], body: ramp(18) }) },
    message: (place) =>
      `${place("x_train")}: byte 128: expected 47040000 bytes (60000 × 28 × 28 × 1) after the ` +
      "header, got 18; get the file again",
  },
  {
    name: "a header that says fewer",
    files: { "y_train.npy": labels([2, 0, 1, 1], { dims: [3] }) },
    message: (place) =>
      `${place("y_train")}: byte 128: expected 3 bytes (3 × 1) after the header, got 4; ` +
      "get the file again",
  },
  {
    name: "a header of something else",
    files: { "y_train.npy": labels([2, 0, 1], { dims: [NaN] }) },
    message: (place) =>
      `${place("y_train")}: byte 10: expected a header with descr, fortran_order and shape, got ` +
      "\"{'descr': '|u1', 'fortran_order': False, 'shape': (NaN,), }\"; write it with numpy.save",
  },
  {
    name: "floats of which it is unclear what they mean",
    files: {
      "x_train.npy": npy({ dims: [3, 2, 3], body: floats(18, (i) => i / 10 - 0.5), type: "<f4" }),
      "x_test.npy": npy({ dims: [2, 2, 3], body: floats(12, (i) => i / 10), type: "<f4" }),
    },
    message: (place, root) =>
      `${place("x_train")}: byte 10: expected images from 0 to 255, or floats from 0 to 1, got ` +
      "float32 from -0.5 to 1.2; this maps -0.5 to 0 and 1.2 to 255: " +
      convert(
        root,
        `np.clip((a.astype('float32') - -0.5) * ${255 / (Math.fround(1.2) + 0.5)}, 0, 255)` +
          ".round().astype('uint8')",
        "x",
      ),
  },
  {
    name: "floats that were divided by 255 twice",
    files: {
      "x_train.npy": npy({ dims: [3, 2, 3], body: floats(18, (i) => i / 8192), type: "<f4" }),
      "x_test.npy": npy({ dims: [2, 2, 3], body: floats(12, (i) => i / 8192), type: "<f4" }),
    },
    message: (place, root) =>
      `${place("x_train")}: byte 10: expected images from 0 to 255, or floats from 0 to 1, got ` +
      "float32 from 0 to 0.002075; this maps 0 to 0 and 0.002075 to 255: " +
      convert(
        root,
        `np.clip((a.astype('float32') - 0) * ${255 / (17 / 8192)}, 0, 255)` +
          ".round().astype('uint8')",
        "x",
      ),
  },
  {
    name: "training images of 0 to 1 and test images of 0 to 255",
    files: {
      "x_train.npy": npy({ dims: [3, 2, 3], body: floats(18, (i) => i / 17), type: "<f4" }),
    },
    message: (place) =>
      `${place("x_test")}: byte 10: expected images of 0 to 1, as in ${place("x_train")}, ` +
      "got uint8 from 0 to 255; save both in the same way",
  },
  {
    name: "a pixel that is no number",
    files: {
      "x_train.npy": npy({
        dims: [3, 2, 3],
        body: floats(18, (i) => i === 4 ? NaN : 0),
        type: "<f4",
      }),
    },
    message: (place) =>
      `${place("x_train")}: byte 144: expected a number as a pixel, got NaN; correct the file`,
  },
  {
    name: "images of one complex number a pixel",
    files: { "x_train.npy": npy({ dims: [3, 2, 3], body: ramp(144), type: "<c8" }) },
    message: (place) =>
      `${place("x_train")}: byte 10: expected images of whole numbers or floats, got <c8; ` +
      'save a.astype("uint8"), with pixels from 0 to 255',
  },
  {
    name: "images as pickled objects",
    files: { "x_train.npy": npy({ dims: [3], body: [128, 2], type: "|O" }) },
    message: (place, root) =>
      `${place("x_train")}: byte 10: expected images of whole numbers or floats, got object ` +
      "(pickled Python objects); save images of one size as one array (reading objects may run " +
      "code of the file: only if you trust it): " +
      convert(root, "np.stack([np.array(x) for x in a])", "x", ["x_train"]),
  },
  {
    name: "images of wide integers beyond 255",
    files: {
      "x_train.npy": npy({
        dims: [3, 2, 3],
        body: ramp(18).flatMap((i) => word(i * 100, 8)),
        type: "<i8",
      }),
    },
    message: (place, root) =>
      `${place("x_train")}: byte 10: expected images from 0 to 255, or floats from 0 to 1, got ` +
      "int64 from 0 to 1700; this maps 0 to 0 and 1700 to 255: " +
      convert(
        root,
        "np.clip((a.astype('float32') - 0) * 0.15, 0, 255).round().astype('uint8')",
        "x",
      ),
  },
  {
    name: "flat images",
    files: { "x_train.npy": npy({ dims: [3, 6], body: ramp(18) }) },
    message: (place) =>
      `${
        place("x_train")
      }: byte 10: expected images [n, h, w], [n, h, w, c] or [n, c, h, w] with at most ` +
      "4 channels and no dimension 0, got (3, 6); reshape the array",
  },
  {
    name: "no images",
    files: { "x_train.npy": npy({ dims: [0, 2, 3], body: [] }), "y_train.npy": labels([]) },
    message: (place) =>
      `${
        place("x_train")
      }: byte 10: expected images [n, h, w], [n, h, w, c] or [n, c, h, w] with at most ` +
      "4 channels and no dimension 0, got (0, 2, 3); reshape the array",
  },
  {
    name: "no test images",
    files: { "x_test.npy": npy({ dims: [0, 2, 3], body: [] }), "y_test.npy": labels([]) },
    message: (place) =>
      `${
        place("x_test")
      }: byte 10: expected at least one image, got (0, 2, 3); save some for the test`,
  },
  {
    name: "test images of another size",
    files: { "x_test.npy": npy({ dims: [2, 3, 2], body: ramp(12) }) },
    message: (place) =>
      `${place("x_test")}: byte 10: expected images of the size in ${place("x_train")}, ` +
      "(3, 2, 3), got (2, 3, 2); save both in the same way",
  },
  {
    name: "counts of images and labels that differ",
    files: { "y_train.npy": labels([2, 0]) },
    message: (place) =>
      `${place("y_train")}: byte 10: expected 3 labels, one for each image of ${
        place("x_train")
      }, ` +
      "got (2,); save the two together",
  },
  {
    name: "labels of floats that are no whole numbers",
    files: {
      "y_train.npy": labels([], { dims: [3], body: floats(3, (i) => i / 2), type: "<f4" }),
    },
    message: (place) =>
      `${place("y_train")}: byte 132: expected a label from 0 to 65535, got 0.5 at image 1; ` +
      "correct data.classes or the file",
  },
  {
    name: "labels as words in one of two arrays",
    files: { "y_train.npy": labels([2, 0, 1], { body: ramp(12), type: "<U1" }) },
    message: (place) =>
      `${place("y_test")}: byte 10: expected labels of whole numbers or names, got uint8; ` +
      "save a whole number from 0, or a name, for each image, of one type in both arrays",
  },
  {
    name: "labels as pickled objects",
    files: { "y_train.npy": labels([], { dims: [3], body: [128, 2], type: "|O" }) },
    message: (place, root) =>
      `${place("y_train")}: byte 10: expected labels of whole numbers or names, got object ` +
      "(pickled Python objects); save them as plain numbers or text (reading objects may run code " +
      "of the file: only if you trust it): " +
      convert(root, "np.array(a.tolist())", "y", ["y_train"]),
  },
  {
    name: "one-hot labels in one of two arrays",
    files: { "y_train.npy": labels([], { dims: [3, 3], body: [1, 0, 0, 0, 1, 0, 0, 0, 1] }) },
    message: (place) =>
      `${place("y_test")}: byte 10: expected labels as in ${place("y_train")}, (3, 3), got (2,); ` +
      "save both in the same way",
  },
  {
    name: "labels with two classes for an image",
    files: {
      "y_train.npy": labels([], { dims: [3, 2], body: [1, 0, 1, 1, 0, 1] }),
      "y_test.npy": labels([], { dims: [2, 2], body: [1, 0, 0, 1] }),
    },
    message: (place, root) =>
      `${
        place("y_train")
      }: byte 131: expected one-hot labels, with exactly one 1 in each row and ` +
      "0 elsewhere, got a second 1 at image 1; where an image has one class, the highest in its " +
      "row: " + convert(root, "a.argmax(axis=1)", "y"),
  },
  {
    name: "labels that are shares of classes",
    files: {
      "y_train.npy": labels([], { dims: [3, 2], body: floats(6, () => 0.5), type: "<f4" }),
      "y_test.npy": labels([], { dims: [2, 2], body: [1, 0, 0, 1] }),
    },
    message: (place, root) =>
      `${
        place("y_train")
      }: byte 128: expected one-hot labels, with exactly one 1 in each row and ` +
      "0 elsewhere, got 0.5 at image 0; where an image has one class, the highest in its row: " +
      convert(root, "a.argmax(axis=1)", "y"),
  },
  {
    name: "one-hot labels of other classes than the recipe's",
    files: {
      "y_train.npy": labels([], { dims: [3, 3], body: [1, 0, 0, 0, 1, 0, 0, 0, 1] }),
      "y_test.npy": labels([], { dims: [2, 3], body: [1, 0, 0, 0, 1, 0] }),
    },
    recipe: { classes: 4 },
    message: (place) =>
      "data.classes: expected 3, the columns of the one-hot labels (3, 3) at " +
      `${place("y_train")}: byte 10, got 4; correct it or leave it out`,
  },
  {
    name: "names of other classes than the recipe's",
    files: {
      "y_train.npy": labels([], { dims: [3], body: [97, 98, 99], type: "|S1" }),
      "y_test.npy": labels([], { dims: [2], body: [97, 98], type: "|S1" }),
    },
    recipe: { classes: 2 },
    message: (place) =>
      `data.classes: expected 3, the names in ${place("y_train")} and ${place("y_test")}, got 2; ` +
      "correct it or leave it out",
  },
  {
    name: "a label beyond the classes",
    recipe: { classes: 2 },
    message: (place) =>
      `${place("y_train")}: byte 128: expected a label from 0 to 1, as there are 2 classes, ` +
      "got 2 at image 0; correct data.classes or the file",
  },
  {
    name: "a label below 0",
    files: { "y_test.npy": labels([1, 2], { body: [0, 0, 255, 255], type: "<i2" }) },
    message: (place) =>
      `${place("y_test")}: byte 130: expected a label from 0 to 65535, got -1 at image 1; ` +
      "correct data.classes or the file",
  },
  {
    name: "a recipe with another size",
    recipe: { size: 28 },
    message: (place) =>
      `data.size: expected 2×3, as in ${place("x_train")}, got 28×28; correct it or leave it out`,
  },
  {
    name: "a recipe with colour",
    recipe: { channels: 3 },
    message: (place) =>
      `data.channels: expected 1, as in ${place("x_train")}, got 3; correct it or leave it out`,
  },
  {
    name: "a missing array",
    files: { "x_test.npy": null },
    message: (_, root) =>
      `${root}: expected an array named x_test, test_x, test_images, images_test, ` +
      "got x_train, y_test, y_train; save it under one of these names",
  },
  {
    name: "images and labels that are not split",
    files: {
      ...Object.fromEntries(Object.keys(whole).map((name) => [name, null])),
      "images.npy": whole["x_train.npy"]!,
      "labels.npy": whole["y_train.npy"]!,
    },
    message: (_, root) =>
      `${root}: expected an array named x_train, train_x, train_images, images_train, got images, ` +
      "labels; split images and labels into training and test images: python3 -c " +
      `"import numpy as np; x, y = ${loaded(root, "images")}, ${loaded(root, "labels")}; i = ` +
      "np.random.default_rng(0).permutation(len(y)); n = max(len(y) // 10, 1); " +
      `np.savez_compressed('${converted(root)}', x_train=x[i[n:]], y_train=y[i[n:]], ` +
      `x_test=x[i[:n]], y_test=y[i[:n]])"; then give data.root=${converted(root)}`,
  },
];

for (const { name, files = {}, recipe = {}, message } of ARRAYS) {
  const present = Object.fromEntries(
    Object.entries({ ...whole, ...files }).filter(([, bytes]) => bytes !== null),
  ) as Files;
  Deno.test(`NumPy data is refused, in a folder and in a file: ${name}`, async () => {
    await withFolder(present, async (folder) => {
      const place = (array: string) => join(folder, `${array}.npy`);
      await rejectsData(() => open(folder, recipe), message(place, folder));
    });
    await withFolder({ "a.npz": zip(present, { deflate: true }) }, async (folder) => {
      const file = join(folder, "a.npz");
      const place = (array: string) => `${file}: ${array}.npy`;
      await rejectsData(() => open(file, recipe), message(place, file));
    });
  });
}

const stored = zip(whole);
const deflated = zip(whole, { deflate: true });
const list = indexOf(stored, [0x50, 0x4b, 1, 2]);
const packedList = indexOf(deflated, [0x50, 0x4b, 1, 2]);
const end = indexOf(stored, [0x50, 0x4b, 5, 6]);

function indexOf(bytes: Uint8Array, wanted: readonly number[]): number {
  return bytes.findIndex((_, at) => wanted.every((byte, i) => bytes[at + i] === byte));
}

/** What is wrong, the file, and the message after its path. */
const ZIPS: [string, Uint8Array, string][] = [
  [
    "it is no zip",
    Uint8Array.of(1, 2, 3, 4),
    ": byte 0: expected a zip file, which opens with PK, got another kind of file; " +
    "write it with numpy.savez or numpy.savez_compressed",
  ],
  [
    "it is empty",
    new Uint8Array(0),
    ": byte 0: expected a zip file, which opens with PK, got another kind of file; " +
    "write it with numpy.savez or numpy.savez_compressed",
  ],
  [
    "it is cut short",
    stored.slice(0, 300),
    ": byte 300: expected the list of files before the end of a zip file, found none: " +
    "the file is cut short; get the file again",
  ],
  [
    "its last byte is missing",
    stored.slice(0, -1),
    `: byte ${stored.length - 1}: expected the list of files before the end of a zip file, found ` +
    "none: the file is cut short; get the file again",
  ],
  [
    "bytes are missing from its middle",
    Uint8Array.from([...stored.slice(0, 100), ...stored.slice(200)]),
    `: byte ${list}: expected an entry of the list of files, got something else; ` +
    "get the file again",
  ],
  [
    "its list lies outside of it",
    patched(stored, end + 16, word(1e9, 4)),
    ": byte 1000000000: expected an entry of the list of files, got something else; " +
    "get the file again",
  ],
  [
    "its list says more entries than it has",
    patched(stored, end + 10, word(5, 2)),
    `: byte ${end}: expected an entry of the list of files, got something else; ` +
    "get the file again",
  ],
  [
    "an entry lies outside of it",
    patched(stored, list + 42, word(1e9, 4)),
    ": byte 1000000000: expected the header of x_train.npy, as the list of files says, " +
    "got something else; get the file again",
  ],
  [
    "an entry is longer than the file",
    patched(patched(stored, list + 20, word(1e9, 4)), list + 24, word(1e9, 4)),
    `: byte 61: expected 1000000000 bytes of x_train.npy, got ${stored.length - 61}; ` +
    "get the file again",
  ],
  [
    "an entry unpacks to more than deflate can",
    patched(deflated, packedList + 24, word(4e9, 4)),
    `: byte 0: x_train.npy: expected 4000000000 bytes, as the list of files says, got ${
      deflated[packedList + 20]
    } deflated, which cannot hold them; get the file again`,
  ],
  [
    "an entry unpacks to less than the list says",
    patched(deflated, packedList + 24, word(147, 4)),
    ": byte 0: x_train.npy: expected 147 bytes of whole data, as the list of files says, found it " +
    "shorter; get the file again",
  ],
  [
    "an entry unpacks to more",
    patched(deflated, packedList + 24, word(145, 4)),
    ": byte 0: x_train.npy: expected 145 bytes of whole data, as the list of files says, found it " +
    "longer; get the file again",
  ],
  [
    "a pixel has changed",
    patched(stored, 61 + 130, [99]),
    ": byte 0: x_train.npy: expected 146 bytes of whole data, as the list of files says, found it with " +
    "another checksum; get the file again",
  ],
  [
    "deflated data is no such data",
    patched(deflated, 61, [0xff, 0xff, 0xff]),
    ": byte 0: x_train.npy: expected 146 bytes of whole data, as the list of files says, found it " +
    "damaged; get the file again",
  ],
  [
    "an entry is packed in another way",
    patched(stored, list + 10, [14]),
    ": byte 0: x_train.npy: expected data that is stored or deflated, got compression method 14; " +
    "write it with numpy.savez or numpy.savez_compressed",
  ],
  [
    "an entry is encrypted",
    patched(stored, list + 8, [1]),
    ": byte 0: x_train.npy: the data is encrypted; write it without a password",
  ],
  [
    "an entry is of 2 GiB and more",
    patched(stored, list + 20, word(0xffffffff, 4)),
    ": expected less than 2 GiB for each array, got more (zip64); put the arrays into a folder, " +
    "each in a .npy file, and let data.root name that",
  ],
];

for (const [name, bytes, message] of ZIPS) {
  Deno.test(`an .npz file is refused: ${name}`, () =>
    withFolder({ "a.npz": bytes }, async (folder) => {
      const file = join(folder, "a.npz");
      await rejectsData(() => open(file), file + message);
    }));
}

Deno.test("an .npz file that does not exist is named, and QTRAIN_DATA offered", () =>
  withFolder({}, () =>
    rejectsData(
      () => open("nowhere/a.npz"),
      "data.root: expected an .npz file or a folder of .npy files, found nothing at " +
        `${Deno.cwd()}/nowhere/a.npz; correct data.root, give data.root=PATH on the command line, ` +
        "or set QTRAIN_DATA to the folder of all data sets",
    )));
