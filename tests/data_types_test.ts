/** Arrays of numbers in IDX and NumPy files: what images and labels of each type become, and in which words. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openDataset } from "../lib/data/open.ts";
import {
  type DataFields,
  dataRecipe,
  gzip,
  ramp,
  readAll,
  rejectsData,
  smallIdx,
  withFolder,
} from "./data_helpers.ts";
import { npy, type NpyParts, word, zip } from "./support/zip.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Files = Record<string, Bytes>;

async function open(fields: DataFields) {
  const warnings: string[] = [];
  const data = await openDataset(dataRecipe(fields), { warn: (text) => warnings.push(text) });
  return { data, warnings };
}

const TYPES = {
  i1: [0x09, 1, "setInt8"],
  i2: [0x0b, 2, "setInt16"],
  i4: [0x0c, 4, "setInt32"],
  f2: [0, 2, "setFloat16"],
  f4: [0x0d, 4, "setFloat32"],
  f8: [0x0e, 8, "setFloat64"],
} as const;
type Type = keyof typeof TYPES;

/** Numbers as bytes, big-endian. */
function big(type: Type, values: readonly number[]): Bytes {
  const [, width, set] = TYPES[type], view = new DataView(new ArrayBuffer(width * values.length));
  values.forEach((value, at) => view[set](at * width, value));
  return new Uint8Array(view.buffer);
}

/** An IDX file of any type. */
function idx(type: Type, dims: readonly number[], values: readonly number[]): Bytes {
  const header = new DataView(new ArrayBuffer(4 + 4 * dims.length));
  header.setUint32(0, TYPES[type][0] * 256 + dims.length);
  dims.forEach((dim, at) => header.setUint32(4 + 4 * at, dim));
  return Uint8Array.from([...new Uint8Array(header.buffer), ...big(type, values)]);
}

const range = (length: number, value: (at: number) => number) =>
  Array.from({ length }, (_, at) => value(at));

Deno.test("IDX labels of any type are read", async () => {
  for (const type of ["i1", "i2", "i4", "f4", "f8"] as const) {
    const file = idx(type, [3], [2, 0, 1]);
    for (const bytes of [file, gzip(file)]) {
      await withFolder({ ...smallIdx(), "train-labels-idx1-ubyte": bytes }, async (root) => {
        const { data, warnings } = await open({ root });
        assert.deepEqual([[...data.train.labels], data.layout], [[2, 0, 1], undefined]);
        assert.deepEqual(warnings, []);
      });
    }
  }
});

Deno.test("IDX labels below 0 or with a part are refused with their place", async () => {
  for (const [type, value, at] of [["i4", -1, 16], ["f4", 0.5, 16], ["i1", -128, 10]] as const) {
    const name = "train-labels-idx1-ubyte";
    await withFolder(
      { ...smallIdx(), [name]: idx(type, [3], [1, 0, value]) },
      (root) =>
        rejectsData(
          () => open({ root }),
          `${join(root, name)}: byte ${at}: expected a label from 0 to 65535, got ${value} at ` +
            "image 2; correct data.classes or the file",
        ),
    );
  }
});

Deno.test("an IDX file of other dimensions is named as what it is", async () => {
  const name = "train-images-idx3-ubyte";
  await withFolder(
    { ...smallIdx(), [name]: idx("i2", [3, 2, 3, 1], ramp(18)) },
    (root) =>
      rejectsData(
        () => open({ root }),
        `${join(root, name)}: byte 0: expected the magic number 0x00000803 (images), got ` +
          "0x00000b04; this is an IDX file of 4 dimensions; images have 3: count, height, width",
      ),
  );
});

/** QMNIST's rows: the class, and seven numbers about the writer. */
const rows = (labels: readonly number[]) =>
  labels.flatMap((label, at) => [label, 4, 3000 + at, 30, 7, 2, 0, 0]);

Deno.test("QMNIST is read under its own names: the first number of a row is the class", async () => {
  const { "train-images-idx3-ubyte": train, "t10k-images-idx3-ubyte": test } = smallIdx();
  const files = {
    "qmnist-train-images-idx3-ubyte": train!,
    "qmnist-train-labels-idx2-int": idx("i4", [3, 8], rows([2, 0, 1])),
    "qmnist-test-images-idx3-ubyte.gz": gzip(test!),
    "qmnist-test-labels-idx2-int.gz": gzip(idx("i4", [2, 8], rows([1, 2]))),
    "qmnist-test10k-images-idx3-ubyte": train!,
  };
  await withFolder(files, async (root) => {
    const { data } = await open({ root });
    assert.deepEqual([[...data.train.labels], [...data.test.labels]], [[2, 0, 1], [1, 2]]);
    assert.equal(data.classes, 3);
    assert.equal(
      data.layout,
      "files qmnist-*; labels are the first of 8 numbers, the class, as in QMNIST",
    );
  });
  const wrong = { ...files, "qmnist-train-labels-idx2-int": idx("i4", [3, 8], rows([2, -5, 1])) };
  await withFolder(wrong, (root) =>
    rejectsData(
      () => open({ root }),
      `${join(root, "qmnist-train-labels-idx2-int")}: byte 44: expected a label from 0 to 65535, ` +
        "got -5 at image 1; correct data.classes or the file",
    ));
});

const prefixed = (prefix: string, test: string): Files =>
  Object.fromEntries(
    Object.entries(smallIdx()).map(([name, bytes]) => [
      `${prefix}${name.replace("t10k", test)}`,
      bytes as Bytes,
    ]),
  );

const under = (folder: string): Files =>
  Object.fromEntries(
    Object.entries(smallIdx()).map(([name, bytes]) => [`${folder}/${name}`, bytes]),
  );

Deno.test("of several folders of IDX files none is guessed", () =>
  withFolder({ ...under("MNIST/raw"), ...under("FashionMNIST/raw") }, (root) =>
    rejectsData(
      () => open({ root }),
      `${root}: expected the IDX files of one data set, got those of several in FashionMNIST/raw ` +
        `and MNIST/raw; give one of these folders, as data.root=${join(root, "FashionMNIST/raw")}`,
    )));

Deno.test("IDX files are found under the names that others give them", async () => {
  const forms: [Files, string | undefined][] = [
    [prefixed("emnist-letters-", "test"), "files emnist-letters-*"],
    [prefixed("", "test"), undefined],
    [{ ...prefixed("emnist-", "test"), ...prefixed("", "t10k") }, undefined],
    [under("raw"), "files raw/*"],
    [under("MNIST/raw"), "files MNIST/raw/*"],
    [{ ...under("MNIST/raw"), "notes/a.txt": gzip(new Uint8Array(1)) }, "files MNIST/raw/*"],
  ];
  for (const [files, layout] of forms) {
    await withFolder(files, async (root) => {
      const { data } = await open({ root });
      assert.deepEqual([[...data.train.labels], [...data.test.labels]], [[2, 0, 1], [1, 2]]);
      assert.equal(data.layout, layout);
    });
  }
});

Deno.test({
  name: "of several IDX data sets in a folder none is guessed; the command sets one apart",
  ignore: Deno.build.os === "windows",
  async fn() {
    const files = {
      ...prefixed("my digits/emnist-letters-", "test"),
      ...prefixed("my digits/emnist-digits-", "test"),
    };
    await withFolder(files, async (folder) => {
      const root = join(folder, "my digits"), one = join(root, "emnist-digits");
      const error: Error = await open({ root }).then(() => assert.fail(), (error) => error);
      const command = `mkdir '${one}' && cp '${one}'-* '${one}'`;
      assert.equal(
        error.message,
        `${root}: expected the IDX files of one data set, got those of 2 (emnist-digits, ` +
          `emnist-letters); copy those to use into a folder of their own, as ${command}, and give ` +
          `data.root='${one}'`,
      );
      assert.ok((await new Deno.Command("sh", { args: ["-c", command] }).output()).success);
      assert.equal((await open({ root: one })).data.train.count, 3);
    });
  },
});

/** Both image files of {@link smallIdx} with values made of their bytes. */
const idxImages = (type: Type, value: (byte: number) => number): Files => ({
  ...smallIdx(),
  "train-images-idx3-ubyte": idx(type, [3, 2, 3], ramp(18).map((at) => value(at * 15))),
  "t10k-images-idx3-ubyte": idx(type, [2, 2, 3], ramp(12).map((at) => value(at * 23))),
});

/** The pixels that {@link idxImages} and {@link npyImages} stand for. */
const PIXELS = { train: ramp(18).map((at) => at * 15), test: ramp(12).map((at) => at * 23) };

async function checkPixels(root: string, layout: string | undefined): Promise<void> {
  const { data, warnings } = await open({ format: root.endsWith(".npz") ? "npz" : "idx", root });
  assert.deepEqual([...(await readAll(data.train, 6)).images], PIXELS.train);
  assert.deepEqual([...(await readAll(data.test, 6)).images], PIXELS.test);
  assert.deepEqual([data.layout, warnings], [layout, []]);
}

const VALUES: [Type, (byte: number) => number, string][] = [
  ["i2", (byte) => byte, "images of int16 from 0 to 255"],
  ["i4", (byte) => byte, "images of int32 from 0 to 255"],
  ["f4", (byte) => byte, "images of float32 from 0 to 255"],
  ["f4", (byte) => byte / 255, "images of float32 from 0 to 1, times 255"],
  ["f4", (byte) => byte / 127.5 - 1, "images of float32 from -1 to 1, as (x + 1) times 127.5"],
  ["f8", (byte) => byte / 255, "images of float64 from 0 to 1, times 255"],
  ["f8", (byte) => byte - 0.3 * Math.sign(byte % 255), "images of float64 from 0 to 255, rounded"],
  ["f8", (byte) => byte / 255.5, "images of float64 from 0 to 1, times 255, rounded"],
];

for (const [type, value, layout] of VALUES) {
  Deno.test(`IDX and NumPy images of other numbers become pixels: ${layout}`, async () => {
    await withFolder(idxImages(type, value), (root) => checkPixels(root, layout));
    await withFolder(
      { "a.npz": zip(npyImages(type, value)) },
      (folder) => checkPixels(join(folder, "a.npz"), layout),
    );
  });
}

const y = (list: readonly number[], parts: Partial<NpyParts> = {}) =>
  npy({ dims: [list.length], body: list, ...parts });

function npyImages(type: Type, value: (byte: number) => number): Files {
  const array = (n: number, pixels: readonly number[]) =>
    npy({ dims: [n, 2, 3], body: big(type, pixels.map(value)), type: `>${type}` });
  return {
    "x_train.npy": array(3, PIXELS.train),
    "y_train.npy": y([2, 0, 1]),
    "x_test.npy": array(2, PIXELS.test),
    "y_test.npy": y([1, 2]),
  };
}

Deno.test("NumPy images of float16 from 0 to 1 are exact", () =>
  withFolder(
    { "a.npz": zip(npyImages("f2", (byte) => byte / 255)) },
    (folder) => checkPixels(join(folder, "a.npz"), "images of float16 from 0 to 1, times 255"),
  ));

Deno.test("more elements than are converted at a time keep their order", async () => {
  const n = 11_000, pixels = range(n * 6, (at) => (at * 7 + (at >> 8)) % 256);
  const bytes = new Float32Array(pixels.map((pixel) => pixel / 255));
  const x = npy({ dims: [n, 2, 3], body: new Uint8Array(bytes.buffer), type: "<f4" });
  const files = { ...npyImages("f4", (byte) => byte / 255), "x_train.npy": x };
  await withFolder({ ...files, "y_train.npy": y(range(n, (at) => at % 3)) }, async (root) => {
    const { data } = await open({ format: "npz", root });
    assert.deepEqual([...(await readAll(data.train, 6)).images], pixels);
  });
});

Deno.test("truth values become black and white", async () => {
  const files = { ...npyImages("f4", (byte) => byte / 255) };
  const bits = (n: number, ones: readonly number[]) =>
    npy({ dims: [n, 2, 3], body: ones, type: "|b1" });
  files["x_train.npy"] = bits(3, range(18, (at) => at % 2));
  files["x_test.npy"] = bits(2, range(12, () => 1));
  await withFolder(files, async (root) => {
    const { data } = await open({ format: "npz", root });
    assert.deepEqual([...(await readAll(data.train, 6)).images], range(18, (at) => at % 2 * 255));
    assert.equal(data.layout, "images of bool, True as 255");
  });
});

Deno.test("whole numbers of 0 and 1 are pixels as they are, with a warning that they are black", async () => {
  const files = npyImages("i4", (byte) => byte & 1);
  await withFolder(files, async (root) => {
    const { data, warnings } = await open({ format: "npz", root });
    assert.deepEqual([...(await readAll(data.train, 6)).images], PIXELS.train.map((v) => v & 1));
    assert.equal(
      warnings[0],
      `${join(root, "x_train.npy")}: no pixel is above 1 of 255, so images are hardly more than ` +
        "black; multiply them by 255, or save them as floats of 0 to 1",
    );
  });
});

Deno.test("arrays in Fortran order are read, with the channels first or last", async () => {
  const [n, h, w, c] = [2, 5, 6, 3];
  const pixel = (i: number, row: number, column: number, channel: number) =>
    (i * 101 + row * 37 + column * 11 + channel * 5) % 256;
  const last: number[] = [], fortranLast: number[] = [], fortranFirst: number[] = [];
  for (let i = 0; i < n; i++) {
    for (let row = 0; row < h; row++) {
      for (let column = 0; column < w; column++) {
        for (let channel = 0; channel < c; channel++) {
          const value = pixel(i, row, column, channel);
          last.push(value);
          fortranLast[i + n * (row + h * (column + w * channel))] = value;
          fortranFirst[i + n * (channel + c * (row + h * column))] = value;
        }
      }
    }
  }
  for (const [dims, body] of [[[n, h, w, c], fortranLast], [[n, c, h, w], fortranFirst]] as const) {
    const x = npy({ dims, body, fortran: true });
    const files = {
      "x_train.npy": x,
      "y_train.npy": y([0, 1]),
      "x_test.npy": x,
      "y_test.npy": y([1, 0]),
    };
    await withFolder(files, async (root) => {
      const { data } = await open({ format: "npz", root });
      assert.deepEqual(data.shape, [h, w, c]);
      assert.deepEqual([...(await readAll(data.train, h * w * c)).images], last);
    });
  }
});

/** Labels in other forms, what they become, and in which words. */
const LABELS: [string, Partial<Files>, string | undefined][] = [
  [
    "one-hot floats",
    {
      "y_train.npy": npy({
        dims: [3, 3],
        body: big("f4", [0, 0, 1, 1, 0, 0, 0, 1, 0]),
        type: ">f4",
      }),
      "y_test.npy": npy({ dims: [2, 3], body: [0, 1, 0, 0, 0, 1] }),
    },
    "one-hot labels of 3 classes",
  ],
  [
    "one-hot in Fortran order",
    {
      "y_train.npy": npy({ dims: [3, 3], body: [0, 1, 0, 0, 0, 1, 1, 0, 0], fortran: true }),
      "y_test.npy": npy({ dims: [2, 3], body: [0, 1, 0, 0, 0, 1], type: "|b1" }),
    },
    "one-hot labels of 3 classes",
  ],
  [
    "whole floats",
    { "y_train.npy": y([], { dims: [3], body: big("f8", [2, 0, 1]), type: ">f8" }) },
    undefined,
  ],
  [
    "64-bit numbers",
    {
      "y_train.npy": y([], { dims: [3], body: [2, 0, 1].flatMap((v) => word(v, 8)), type: "<u8" }),
    },
    undefined,
  ],
];

for (const [form, files, layout] of LABELS) {
  Deno.test(`labels are read: ${form}`, () =>
    withFolder({ ...npyImages("f4", (v) => v / 255), ...files } as Files, async (root) => {
      const { data } = await open({ format: "npz", root });
      assert.deepEqual([[...data.train.labels], [...data.test.labels]], [[2, 0, 1], [1, 2]]);
      assert.equal(data.classes, 3);
      const images = "images of float32 from 0 to 1, times 255";
      assert.equal(data.layout, layout === undefined ? images : `${images}; ${layout}`);
    }));
}

Deno.test("a class that no row has is one of the classes of one-hot labels", async () => {
  const files = {
    ...npyImages("i4", (v) => v),
    "y_train.npy": npy({ dims: [3, 4], body: [1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0] }),
    "y_test.npy": npy({ dims: [2, 4], body: [1, 0, 0, 0, 0, 1, 0, 0] }),
  };
  await withFolder(files, async (root) => {
    assert.equal((await open({ format: "npz", root })).data.classes, 4);
  });
});

/** Names as NumPy's text, `<U`, `>U` or `|S`. */
function names(list: readonly string[], order: "<" | ">" | "|", width = 4): Bytes {
  const body = list.flatMap((name) => {
    const characters = [...name].map((character) => character.codePointAt(0)!);
    if (order === "|") {
      const bytes = [...new TextEncoder().encode(name)];
      return [...bytes, ...range(width - bytes.length, () => 0)];
    }
    return range(width, (at) => characters[at] ?? 0).flatMap((code) =>
      order === "<" ? word(code, 4) : word(code, 4).reverse()
    );
  });
  return npy({ dims: [list.length], body, type: `${order}${order === "|" ? "S" : "U"}${width}` });
}

Deno.test("names as labels become the names of the classes, in alphabetical order", async () => {
  for (const order of ["<", ">", "|"] as const) {
    const files = {
      ...npyImages("i4", (v) => v),
      "y_train.npy": names(["dog", "cat", "é"], order),
      "y_test.npy": names(["cat", "emu"], "|"),
    };
    await withFolder(files, async (root) => {
      const { data } = await open({ format: "npz", root });
      assert.deepEqual(data.classNames, ["cat", "dog", "emu", "é"]);
      assert.deepEqual([[...data.train.labels], [...data.test.labels]], [[1, 0, 3], [0, 2]]);
      assert.match(data.layout!, /labels are names of 4 classes, in alphabetical order$/);
    });
  }
});

Deno.test("names in Latin-1 stay different, and names in decomposed form are composed", async () => {
  const files = {
    ...npyImages("i4", (v) => v),
    "y_train.npy": npy({ dims: [3], body: [0xe8, 0xe9, 0xea], type: "|S1" }),
    "y_test.npy": names(["e\u0300", "\u00e9"], "<"),
  };
  await withFolder(files, async (root) => {
    const { data } = await open({ format: "npz", root });
    assert.deepEqual(data.classNames, ["è", "é", "ê"]);
    assert.deepEqual([[...data.train.labels], [...data.test.labels]], [[0, 1, 2], [0, 1]]);
  });
});

Deno.test("IDX labels may be one-hot, also of as many classes as QMNIST's rows are long", async () => {
  const row = (label: number, classes: number) => range(classes, (at) => at === label ? 1 : 0);
  for (const classes of [3, 8]) {
    const files = {
      ...smallIdx(),
      "train-labels-idx1-ubyte": idx("i4", [3, classes], [2, 0, 1].flatMap((l) => row(l, classes))),
      "t10k-labels-idx1-ubyte": idx("i4", [2, classes], [1, 2].flatMap((l) => row(l, classes))),
    };
    await withFolder(files, async (root) => {
      const { data } = await open({ root });
      assert.deepEqual([[...data.train.labels], [...data.test.labels]], [[2, 0, 1], [1, 2]]);
      assert.deepEqual([data.classes, data.layout], [
        classes,
        `one-hot labels of ${classes} classes`,
      ]);
    });
  }
});

Deno.test("arrays are found under more names, said in a line; validation images are the test where none is", async () => {
  const [xTrain, yTrain, xTest, yTest] = Object.values(npyImages("i4", (v) => v));
  const bytes = "images of int32 from 0 to 255";
  const cases: [Files, string][] = [
    [
      {
        train_images: xTrain!,
        train_labels: yTrain!,
        test_images: xTest!,
        test_labels: yTest!,
        val_images: xTest!,
        val_labels: yTest!,
      },
      `arrays train_images, train_labels, test_images, test_labels; not read: val_images, val_labels; ${bytes}`,
    ],
    [
      { trainX: xTrain!, trainY: yTrain!, testX: xTest!, testY: yTest! },
      `arrays trainX, trainY, testX, testY; ${bytes}`,
    ],
    [{ X_train: xTrain!, y_train: yTrain!, X_test: xTest!, y_test: yTest! }, bytes],
    [
      {
        "train-data": xTrain!,
        "train-targets": yTrain!,
        "val-data": xTest!,
        "val-targets": yTest!,
      },
      `arrays train-data, train-targets, val-data, val-targets; ${bytes}`,
    ],
  ];
  for (const [arrays, layout] of cases) {
    const files = Object.fromEntries(Object.entries(arrays).map(([name, b]) => [`${name}.npy`, b]));
    await withFolder({ "a.npz": zip(files) }, async (folder) => {
      const { data } = await open({ format: "npz", root: join(folder, "a.npz") });
      assert.deepEqual([[...data.train.labels], [...data.test.labels]], [[2, 0, 1], [1, 2]]);
      assert.equal(data.layout, layout);
    });
  }
});

Deno.test("a folder of .npz files with one array each is read, as KMNIST is published", async () => {
  const [xTrain, yTrain, xTest, yTest] = Object.values(npyImages("i4", (v) => v));
  const one = (bytes: Bytes) => zip({ "arr_0.npy": bytes });
  const files = {
    "kmnist-train-imgs.npz": one(xTrain!),
    "kmnist-train-labels.npz": one(yTrain!),
    "kmnist-test-imgs.npz": one(xTest!),
    "kmnist-test-labels.npz": one(yTest!),
  };
  await withFolder(files, async (root) => {
    const { data } = await open({ format: "npz", root });
    assert.deepEqual([...(await readAll(data.train, 6)).images], PIXELS.train);
    assert.equal(
      data.layout,
      "arrays kmnist-train-imgs, kmnist-train-labels, kmnist-test-imgs, kmnist-test-labels; " +
        "images of int32 from 0 to 255",
    );
  });
  await withFolder(
    { ...files, "kmnist-test-imgs.npz": zip(npyImages("i4", (v) => v)) },
    (root) =>
      rejectsData(
        () => open({ format: "npz", root }),
        `${
          join(root, "kmnist-test-imgs.npz")
        }: byte 0: expected one array in each .npz file of a ` +
          `folder, got 4; give the file itself, as data.root=${join(root, "kmnist-test-imgs.npz")}`,
      ),
  );
});

Deno.test("other files in place of .npz are named for what they are, with what to do", async () => {
  const cases: [string, Bytes, string][] = [
    ["a.npy", y([1]), "an .npy file of one array at @; give the folder that it is in"],
    [
      "a.npz.gz",
      gzip(zip(npyImages("i4", (v) => v))),
      "a gzip file at @; unpack it: gunzip -c < @ > #; then give data.root=#",
    ],
    [
      "a.h5",
      Uint8Array.of(0x89, 72, 68, 70, 13, 10, 26, 10),
      `an HDF5 file at @; convert it: python3 -c "import h5py, numpy as np; d = h5py.File('@'); ` +
      `np.savez_compressed('@-converted.npz', **{k: d[k][()] for k in d})"; then give ` +
      "data.root=@-converted.npz",
    ],
    ...(["a MATLAB file", "a Parquet file", "a Python pickle"] as const).map((kind, at) =>
      [
        "a",
        [
          new TextEncoder().encode("MATLAB 5.0"),
          new TextEncoder().encode("PAR1"),
          Uint8Array.of(0x80, 4),
        ][at]!,
        `${kind} at @; load it in Python, and save its arrays with numpy.savez(FILE, x_train=…, ` +
        "y_train=…, x_test=…, y_test=…)",
      ] as [string, Bytes, string]
    ),
  ];
  for (const [name, bytes, message] of cases) {
    await withFolder({ [name]: bytes }, async (folder) => {
      const root = join(folder, name);
      await rejectsData(
        () => open({ format: "npz", root }),
        "data.root: expected an .npz file or a folder of .npy files, got " +
          message.replaceAll("@", root).replaceAll("#", root.replace(/\.gz$/, "")),
      );
    });
  }
});

const hasNumpy = await new Deno.Command("python3", { args: ["-c", "import numpy"] }).output()
  .then(({ success }) => success, () => false);

/** Data that is refused with a command, and the labels of what the command makes. */
const CONVERTED: [string, "idx" | "npz", Files, number[]][] = [
  ["pixels beyond 255 in IDX", "idx", idxImages("i2", (v) => v * 9), [2, 0, 1]],
  [
    "pixels beyond 255 in gzip",
    "idx",
    Object.fromEntries(Object.entries(idxImages("f4", (v) => v * 9)).map(([k, v]) => [k, gzip(v)])),
    [2, 0, 1],
  ],
  ["pixels below 0", "npz", npyImages("f8", (v) => v / 100 - 1), [2, 0, 1]],
  [
    "shares as labels",
    "npz",
    {
      ...npyImages("i4", (v) => v),
      "y_train.npy": npy({
        dims: [3, 2],
        body: big("f4", [0.1, 0.9, 0.8, 0.2, 0.5, 0.5]),
        type: ">f4",
      }),
      "y_test.npy": npy({ dims: [2, 2], body: big("f4", [0, 1, 1, 0]), type: ">f4" }),
    },
    [1, 0, 0],
  ],
  [
    "arrays without a split",
    "npz",
    { "images.npy": npyImages("i4", (v) => v)["x_train.npy"]!, "labels.npy": y([1, 1, 1]) },
    [1, 1],
  ],
];

for (const [name, format, files, labels] of CONVERTED) {
  Deno.test({
    name: `the command that errors print converts the data: ${name}`,
    ignore: !hasNumpy || Deno.build.os === "windows",
    fn: () =>
      withFolder(
        Object.fromEntries(Object.entries(files).map(([k, v]) => [`it's "my" data/${k}`, v])),
        async (folder) => {
          const root = join(folder, `it's "my" data`);
          const error: Error = await open({ format, root }).then(() => assert.fail(), (e) => e);
          const [, command] = /(python3 -c .*); then give /.exec(error.message) ?? [];
          const shell = `${command} && printf %s ${
            /then give (?:data\.format=npz )?(.*)$/.exec(error.message)![1]
          }`;
          const done = await new Deno.Command("sh", { args: ["-c", shell] }).output();
          assert.ok(done.success, new TextDecoder().decode(done.stderr));
          const [, made] = new TextDecoder().decode(done.stdout).split("data.root=");
          const { data } = await open({ format: "npz", root: made! });
          assert.deepEqual([...data.train.labels], labels);
          await Deno.remove(made!);
        },
      ),
  });
}
