/** Archives in place of data: named for what they are, with the command that unpacks them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openDataset } from "../lib/data/open.ts";
import { dataRecipe, gzip, ramp, rejectsData, smallIdx, withFolder } from "./data_helpers.ts";
import { smallCifar10 } from "./support/cifar.ts";
import { PLAIN } from "./support/image_folders.ts";
import { npy, zip } from "./support/zip.ts";

type Files = Record<string, Uint8Array>;

const POSIX = Deno.build.os !== "windows";

async function shell(command: string, cwd: string): Promise<string> {
  const done = await new Deno.Command("sh", { args: ["-c", command], cwd }).output();
  assert.ok(done.success, command + new TextDecoder().decode(done.stderr));
  return new TextDecoder().decode(done.stdout);
}

const arrays: Files = {
  "x_train.npy": npy({ dims: [3, 2, 3], body: ramp(18) }),
  "y_train.npy": npy({ dims: [3], body: [2, 0, 1] }),
  "x_test.npy": npy({ dims: [2, 2, 3], body: ramp(12) }),
  "y_test.npy": npy({ dims: [2], body: [1, 2] }),
};

const under = (folder: string, files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`${folder}/${name}`, bytes]));

/** A format, files, the name of the archive, how tar packs it, and the folder that comes out. */
const TARS = [
  ["cifar", under("cifar-10-batches-bin", smallCifar10()), "cifar-10-binary.tar.gz", "-czf", true],
  ["idx", smallIdx(), "my digits.tgz", "-czf", false],
  ["idx", under("digits", smallIdx()), "it's.tar", "-cf", true],
  ["npz", under("arrays", arrays), "arrays.tar.gz", "-czf", true],
  ["npz", { "a.npz": zip(arrays) }, "packed.tar", "-cf", true],
  ["folder", under("photos", PLAIN), "photos.tar.gz", "-czf", true],
  ["folder", PLAIN, "renamed", "-czf", false],
] as const;

for (const [format, files, archive, flags, top] of TARS) {
  Deno.test({
    name: `the command unpacks ${archive}, given as the root of ${format} data`,
    ignore: !POSIX,
    fn: () =>
      withFolder(under("in", files), async (folder) => {
        const root = join(folder, archive);
        await shell(`tar ${flags} "$0" *`.replace("$0", root), join(folder, "in"));
        const recipe = { format, ...(format === "folder" ? { size: 8 } : {}) };
        const error: Error = await openDataset(dataRecipe({ ...recipe, root }))
          .then(() => assert.fail(), (error) => error);
        const kind = flags === "-cf" ? "a tar archive" : "a tar archive packed with gzip";
        const start =
          `data.root: expected ${format === "npz" ? "an .npz file" : "a folder"}, got ` +
          `${kind} at ${root}; unpack it: `;
        assert.ok(error.message.startsWith(start), error.message);
        const [command, setting] = error.message.slice(start.length).split("; then give ");
        await shell(command!, folder);
        const given = (await shell(`printf %s ${setting}`, folder)).slice("data.root=".length);
        const out = join(folder, archive.replace(/\.(tar\.gz|tgz|tar)$/, ""));
        assert.equal(
          given.startsWith(out) && given.length > out.length + 1,
          top || archive === "renamed",
        );
        const data = await openDataset(dataRecipe({ ...recipe, root: given }));
        assert.ok(data.train.count > 0);
      }),
  });
}

const hasUnzip = POSIX && await new Deno.Command("unzip", { args: ["-v"] }).output()
  .then(({ success }) => success, () => false);

Deno.test({
  name: "a zip archive of a folder, with what macOS adds, is unpacked by the command",
  ignore: !hasUnzip,
  async fn() {
    const files = {
      ...under("photos", PLAIN),
      ...under("__MACOSX/photos", { "._a.png": new Uint8Array(9) }),
    };
    await withFolder({ "my photos.zip": zip(files) }, async (folder) => {
      const root = join(folder, "my photos.zip"), out = join(folder, "my photos");
      const command = `mkdir -p '${out}' && unzip -q '${root}' -d '${out}'`;
      await rejectsData(
        () => openDataset(dataRecipe({ format: "folder", size: 8, root })),
        `data.root: expected a folder, got a zip archive at ${root}; unpack it: ${command}; then ` +
          `give data.root='${out}/photos'`,
      );
      await shell(command, folder);
      const fields = { format: "folder", size: 8, root: `${out}/photos` } as const;
      assert.ok((await openDataset(dataRecipe(fields))).train.count > 0);
    });
  },
});

Deno.test("other archives are named by their first bytes, with the command for each", async () => {
  const cases: [string, number[], string][] = [
    ["a.7z", [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], "a 7z archive # 7z x A -oD"],
    ["a.rar", [0x52, 0x61, 0x72, 0x21, 0x1a, 7, 1], "a RAR archive # unrar x A D/"],
    [
      "a.tar.xz",
      [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0],
      "a tar archive packed with xz # tar -xJf A -C D",
    ],
    ["a.tbz2", [0x42, 0x5a, 0x68, 0x39], "a tar archive packed with bzip2 # tar -xjf A -C D"],
    [
      "a.tar.zst",
      [0x28, 0xb5, 0x2f, 0xfd],
      "a tar archive packed with Zstandard # tar --zstd -xf A -C D",
    ],
  ];
  for (const [name, bytes, expected] of cases) {
    await withFolder({ [name]: Uint8Array.from(bytes) }, async (folder) => {
      const root = join(folder, name), out = join(folder, "a");
      const [kind, command] = expected.split(" # ");
      const make = POSIX ? `mkdir -p ${out}` : `mkdir ${out}`;
      await rejectsData(
        () => openDataset(dataRecipe({ format: "idx", root })),
        `data.root: expected a folder, got ${kind} at ${root}; unpack it: ${make} && ${
          command!.replace("A", root).replace("D", out)
        }; then give data.root=${out}`,
      );
    });
  }
});

Deno.test("a file that is packed alone, and one that is damaged, are no archives", async () => {
  const name = "train-images-idx3-ubyte.gz";
  for (
    const bytes of [gzip(smallIdx()["train-images-idx3-ubyte"]!), Uint8Array.of(0x1f, 0x8b, 8)]
  ) {
    await withFolder({ [name]: bytes }, (folder) =>
      rejectsData(
        () => openDataset(dataRecipe({ format: "idx", root: join(folder, name) })),
        `data.root: expected a folder, got a file at ${join(folder, name)}; give the folder that ` +
          "it is in",
      ));
  }
});

Deno.test({
  name: "a folder with nothing but the archive in it says so",
  ignore: !POSIX,
  fn: () =>
    withFolder(under("in", under("cifar-10-batches-bin", smallCifar10())), async (folder) => {
      await shell("cd in && tar -czf ../cifar-10-binary.tar.gz * && rm -r ../in", folder);
      const archive = join(folder, "cifar-10-binary.tar.gz"), out = join(folder, "cifar-10-binary");
      for (const format of ["cifar", "idx", "folder"] as const) {
        const fields = { format, root: folder, ...(format === "folder" ? { size: 8 } : {}) };
        const error: Error = await openDataset(dataRecipe(fields))
          .then(() => assert.fail(), (error) => error);
        assert.ok(
          error.message.endsWith(
            ". It holds a tar archive packed with gzip, cifar-10-binary.tar.gz; unpack it: " +
              `mkdir -p ${out} && tar -xzf ${archive} -C ${out}; then give ` +
              `data.root=${out}/cifar-10-batches-bin`,
          ),
          error.message,
        );
      }
    }),
});

Deno.test("files that are packed one by one in another way than gzip are named, with the command", async () => {
  for (const [ending, command] of [["xz", "xz -dk"], ["bz2", "bunzip2 -k"], ["zst", "unzstd"]]) {
    const packed = Object.keys(smallIdx()).map((name) => [`${name}.${ending}`, new Uint8Array(9)]);
    await withFolder(Object.fromEntries(packed), async (root) => {
      const error: Error = await openDataset(dataRecipe({ format: "idx", root }))
        .then(() => assert.fail(), (error) => error);
      const [, said] = /\. It holds (.*)$/.exec(error.message) ?? [];
      const some = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "train-images-idx3-ubyte"]
        .map((name) => `${name}.${ending}`).join(", ");
      assert.equal(said, `packed files (${some}, …); unpack them: ${command} ${root}/*.${ending}`);
    });
  }
});

Deno.test("a zip file without arrays, and a folder of .npz files, are refused with what to give", async () => {
  await withFolder({ "a.npz": zip(under("b", { "c.csv": new Uint8Array(3) })) }, async (folder) => {
    const root = join(folder, "a.npz");
    await assert.rejects(
      openDataset(dataRecipe({ format: "npz", root })),
      /^DataError: data\.root: expected an \.npz file, got a zip archive without \.npy files at /,
    );
    await rejectsData(
      () => openDataset(dataRecipe({ format: "npz", root: folder })),
      `${folder}: expected an array named x_train, train_x, train_images, images_train, got a; to ` +
        `read one of these .npz files, give data.root=${root}`,
    );
  });
});
