/** Files that are whole and have something behind their data: what is read, what is said, what stays an error. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openDataset } from "../lib/data/open.ts";
import {
  type DataFields,
  dataRecipe,
  gzip,
  idxBytes,
  ramp,
  readAll,
  rejectsData,
  smallIdx,
  withFolder,
} from "./data_helpers.ts";
import { smallCifar10 } from "./support/cifar.ts";
import { npy, zip } from "./support/zip.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const IMAGES = "train-images-idx3-ubyte", LABELS = "train-labels-idx1-ubyte";

async function open(fields: DataFields) {
  const warnings: string[] = [];
  const data = await openDataset(dataRecipe(fields), { warn: (text) => warnings.push(text) });
  return { data, warnings };
}

function bytesOf(...parts: ArrayLike<number>[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

const zeros = (length: number) => new Uint8Array(length);

/** Gzip with all that a header may have. */
function fullHeader(bytes: Uint8Array): Bytes {
  const plain = gzip(bytes), extra = [3, 0, 1, 2, 3];
  const name = [...new TextEncoder().encode("a.txt"), 0], comment = [98, 0], checksum = [0, 0];
  const head = plain.slice(0, 10);
  head[3] = 2 | 4 | 8 | 16;
  return bytesOf(head, extra, name, comment, checksum, plain.subarray(10));
}

const images = smallIdx()[IMAGES]!;
const first = gzip(images.subarray(0, 20)), second = gzip(images.subarray(20));

const READ: Record<string, Bytes> = {
  "padded with zeros": bytesOf(gzip(images), zeros(500)),
  "padded with more zeros than are read at a time": bytesOf(gzip(images), zeros(200_000)),
  "of two members": bytesOf(first, second),
  "of two members with zeros between and behind": bytesOf(first, zeros(7), second, zeros(512)),
  "of an empty member, and then the data": bytesOf(gzip(zeros(0)), gzip(images)),
  "with a member for each byte": bytesOf(
    ...Array.from(images, (byte) => gzip(Uint8Array.of(byte))),
  ),
  "with a name, a comment and more in its header": fullHeader(images),
};

for (const [form, file] of Object.entries(READ)) {
  Deno.test(`a gzip file is read without a word: ${form}`, () =>
    withFolder({ ...smallIdx(), [IMAGES]: file }, async (root) => {
      const { data, warnings } = await open({ root });
      assert.deepEqual([...(await readAll(data.train, 6)).images], ramp(18));
      assert.deepEqual(warnings, []);
    }));
}

Deno.test("bytes behind gzip data are ignored with a warning that names the file", async () => {
  for (
    const junk of [
      [7, 7, 7],
      [0, 0, 7],
      [0x1f, 0x8b, 9],
      ramp(70_000).map((byte) => byte | 1),
    ]
  ) {
    const packed = gzip(images), leading = junk.findIndex((byte) => byte !== 0);
    const file = bytesOf(packed, junk);
    await withFolder({ ...smallIdx(), [IMAGES]: file }, async (root) => {
      const { data, warnings } = await open({ root });
      assert.deepEqual([...(await readAll(data.train, 6)).images], ramp(18));
      assert.deepEqual(warnings, [
        `${join(root, IMAGES)}: ${junk.length - leading} bytes that are no gzip data follow its ` +
        `end at byte ${packed.length + leading}; they are ignored`,
      ]);
    });
  }
});

Deno.test("a member that is cut, damaged or has another checksum stays an error", async () => {
  const wrong = second.slice();
  wrong[wrong.length - 6]! ^= 1;
  for (
    const file of [
      bytesOf(first, second.subarray(0, second.length - 1)),
      bytesOf(first, second.subarray(0, second.length - 9)),
      bytesOf(first, wrong, zeros(100)),
      bytesOf(gzip(images).fill(255, 12, 20), zeros(100)),
      Uint8Array.of(0x1f, 0x8b),
      Uint8Array.of(0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0, 65),
    ]
  ) {
    await withFolder({ ...smallIdx(), [IMAGES]: file }, async (root) => {
      await assert.rejects(open({ root }), (error: Error) => {
        assert.match(
          error.message,
          /: byte \d+ \(unpacked\): the gzip data is damaged or cut short .*; get the file again$/,
        );
        return true;
      });
    });
  }
});

Deno.test("zeros behind the data of an IDX file, plain or inside gzip, are ignored with a warning", async () => {
  const padded = bytesOf(smallIdx()[LABELS]!, zeros(5));
  for (
    const [file, place] of [[padded, "byte 11"], [gzip(padded), "byte 11 (unpacked)"]] as const
  ) {
    await withFolder({ ...smallIdx(), [LABELS]: file }, async (root) => {
      const { data, warnings } = await open({ root });
      assert.deepEqual([...data.train.labels], [2, 0, 1]);
      assert.deepEqual(warnings, [
        `${join(root, LABELS)}: ${place}: 5 bytes of 0 follow the data; they are ignored`,
      ]);
    });
  }
});

Deno.test({
  name: "the command that cuts an IDX file makes it readable",
  ignore: Deno.build.os === "windows",
  async fn() {
    const longer = bytesOf(smallIdx()[LABELS]!, [9, 9]);
    for (const file of [longer, gzip(longer)]) {
      await withFolder({ "my digits/a": zeros(1) }, async (folder) => {
        const root = join(folder, "my digits");
        for (const [name, bytes] of Object.entries({ ...smallIdx(), [LABELS]: file })) {
          await Deno.writeFile(join(root, name), bytes);
        }
        const error = await open({ root }).then(() => undefined, (error: Error) => error);
        const [, command] = /if the header is right, cut it: (.*)$/.exec(error!.message) ?? [];
        const { success } = await new Deno.Command("sh", { args: ["-c", command!] }).output();
        assert.ok(success, command);
        const { data, warnings } = await open({ root });
        assert.deepEqual([[...data.train.labels], warnings], [[2, 0, 1], []]);
      });
    }
  },
});

Deno.test("zeros behind the images of a CIFAR file are no images", async () => {
  const whole = smallCifar10(), padding = 10_240;
  const many = new Uint8Array(10_000 * 3073).fill(3);
  // As many zeros as a block has, behind all images that the published file has; less than an image.
  for (
    const [file, count, zerosBehind] of [
      [bytesOf(many, zeros(padding)), 10_008, padding],
      [gzip(bytesOf(whole["test_batch.bin"]!, zeros(512))), 3, 512],
    ] as const
  ) {
    const victim = count === 3 ? "test_batch.bin" : "data_batch_5.bin";
    await withFolder({ ...whole, [victim]: file }, async (root) => {
      const { data, warnings } = await open({ format: "cifar", root });
      assert.equal(count === 3 ? data.test.count : data.train.count, count);
      assert.match(
        warnings.find((text) => text.includes("of 0 follow"))!,
        new RegExp(`${victim}: byte \\d+.*: ${zerosBehind} bytes of 0 follow the images; they are`),
      );
    });
  }
});

Deno.test("zeros behind a NumPy file are no part of it", async () => {
  const arrays = {
    "x_train.npy": npy({ dims: [3, 2, 3], body: ramp(18) }),
    "y_train.npy": npy({ dims: [3], body: [2, 0, 1] }),
    "x_test.npy": npy({ dims: [2, 2, 3], body: ramp(12) }),
    "y_test.npy": npy({ dims: [2], body: [1, 2] }),
  };
  for (const padding of [1, 21, 512, 70_000, 2 ** 21]) {
    for (const comment of ["", "a comment"]) {
      const file = bytesOf(zip(arrays, { comment }), zeros(padding));
      await withFolder({ "a.npz": file }, async (folder) => {
        const { data, warnings } = await open({ format: "npz", root: join(folder, "a.npz") });
        assert.deepEqual([[...data.train.labels], warnings], [[2, 0, 1], []]);
      });
    }
  }
  const padded = { ...arrays, "y_train.npy": bytesOf(arrays["y_train.npy"], zeros(5)) };
  await withFolder(padded, async (root) => {
    const { data, warnings } = await open({ format: "npz", root });
    assert.deepEqual([...data.train.labels], [2, 0, 1]);
    assert.deepEqual(warnings, [
      `${join(root, "y_train.npy")}: byte 128: 5 bytes of 0 follow the 3 of the data; they are ` +
      "ignored",
    ]);
  });
});

Deno.test({
  name: "the command unpacks an .npz file that is packed again",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder({ "my data/a.npz.gz": gzip(zip({})) }, async (folder) => {
      const root = join(folder, "my data/a.npz.gz");
      const error = await open({ format: "npz", root }).then(() => undefined, (e: Error) => e);
      const [, command] = /; unpack it: (.*); then give data\.root='.*a\.npz'$/.exec(
        error!.message,
      )!;
      const { success } = await new Deno.Command("sh", { args: ["-c", command!] }).output();
      assert.ok(success, command);
      assert.deepEqual(await Deno.readFile(join(folder, "my data/a.npz")), zip({}));
    }),
});

Deno.test("an IDX header with a size that is too small is no padded file", () =>
  withFolder(
    { ...smallIdx(), [IMAGES]: idxBytes(0x803, [3, 2, 2], ramp(18)) },
    (root) =>
      rejectsData(
        () => open({ root }),
        `${join(root, IMAGES)}: byte 28: expected the end of the file after 12 bytes (3 × 2 × 2) ` +
          "after the header, got 6 more; get the file again or, if the header is right, cut it: " +
          `head -c 28 ${join(root, IMAGES)} > ${join(root, IMAGES)}.cut && ` +
          `mv ${join(root, IMAGES)}.cut ${join(root, IMAGES)}`,
      ),
  ));
