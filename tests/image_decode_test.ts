/** Decoding of images: right pixels, and a clear error for everything else. */
import assert from "node:assert/strict";
import { crc32, deflateSync } from "node:zlib";
import { DataError } from "../lib/core/errors.ts";
import { decodeImage } from "../lib/image/decode.ts";
import { conversionOf, conversionsOf, imageKindOf } from "../lib/image/header.ts";
import { draw, key, scaleTo } from "../lib/data/counter_rng.ts";
import { rejectsData } from "./data_helpers.ts";
import {
  jpeg,
  JPEGS,
  picture,
  PICTURES,
  png,
  pngFile,
  pngOf,
  type PngParts,
  turnedJpeg,
} from "./support/images.ts";

for (const name of ["colour", "progressive", "grey", "restarts"]) {
  Deno.test(`a JPEG that is ${name} decodes to Pillow's pixels`, async () => {
    const image = await decodeImage(jpeg(name), "x.jpg");
    assert.deepEqual([image.width, image.height, image.channels], [20, 12, 3]);
    assert.equal(crc32(image.pixels), JPEGS[name]!.pixels);
    assert.equal(image.warning, undefined);
  });
}

for (const name of Object.keys(PICTURES)) {
  Deno.test(`${name} decodes to Pillow's pixels`, async () => {
    const image = await decodeImage(picture(name), name);
    assert.deepEqual([image.width, image.height], name === "turned.webp" ? [12, 20] : [20, 12]);
    assert.equal(crc32(image.pixels), PICTURES[name]!.pixels);
    assert.equal(image.warning, undefined);
    const grey = await decodeImage(picture(name), name, { channels: 1 });
    assert.equal(grey.pixels.length, 240);
  });
}

Deno.test("a GIF whose first picture is larger than its screen is read whole, as by Pillow", async () => {
  const bytes = picture("still.gif");
  bytes.set([0, 0, 0, 0], 6);
  const { width, height, pixels } = await decodeImage(bytes, "x.gif");
  assert.deepEqual([width, height, crc32(pixels)], [20, 12, PICTURES["still.gif"]!.pixels]);
});

Deno.test("a BMP whose rows go from the top down is the same upside down", async () => {
  const whole = await decodeImage(picture("colour.bmp"), "x.bmp"), bytes = picture("colour.bmp");
  new DataView(bytes.buffer).setInt32(22, -12, true);
  const { width, height, pixels } = await decodeImage(bytes, "x.bmp");
  const rows = Array.from(
    { length: 12 },
    (_, y) => [...whole.pixels.subarray(60 * y, 60 * y + 60)],
  );
  assert.deepEqual([width, height, [...pixels]], [20, 12, rows.reverse().flat()]);
});

Deno.test("the command that converts an image can be pasted into a shell", async () => {
  for (const name of ["a b/it's.heic", "-x.tif", "$(x) & #1.AVIF", "noending"]) {
    const script = `magick() { printf '%s\\n' "$@"; }; ${conversionOf(name)}`;
    const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
    const [from, to, ...rest] = new TextDecoder().decode(stdout).split("\n");
    assert.equal(from, name.startsWith("-") ? `./${name}` : name);
    assert.equal(to, from!.replace(/\.\w+$/, "") + ".jpg");
    assert.deepEqual(rest, [""]);
  }
});

Deno.test("the command that converts a folder of images reaches those with the ending of one", async () => {
  const folder = await Deno.makeTempDir({ prefix: "it's a # folder " });
  try {
    for (const name of ["1.heic", "2 b.heic", "x.png"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "");
    }
    const script = `magick() { printf '%s\\n' "$@"; }; ${conversionsOf(`${folder}/1.heic`)}`;
    const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
    const wanted = ["mogrify", "-format", "jpg", `${folder}/1.heic`, `${folder}/2 b.heic`, ""];
    assert.deepEqual(new TextDecoder().decode(stdout).split("\n"), wanted);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("CMYK and YCCK JPEGs decode to colours, Adobe's inversion undone", async () => {
  for (const name of ["cmyk", "ycck"]) {
    const image = await decodeImage(jpeg(name), "x.jpg");
    assert.deepEqual([image.width, image.height, image.pixels.length], [20, 12, 720]);
  }
  const { pixels } = await decodeImage(jpeg("cmyk"), "x.jpg");
  assert.ok(Math.min(...pixels.subarray(0, 3)) > 240, `white is ${pixels.subarray(0, 3)}`);
});

Deno.test("EXIF turns an image each of eight ways", async () => {
  const stored = await decodeImage(jpeg("colour"), "x.jpg");
  const at = (x: number, y: number) => [...stored.pixels.subarray((y * 20 + x) * 3).subarray(0, 3)];
  // Where a pixel of the result comes from, by orientation, as the standard names the first row
  // and the first column.
  const from: Record<number, (x: number, y: number) => [number, number]> = {
    1: (x, y) => [x, y],
    2: (x, y) => [19 - x, y],
    3: (x, y) => [19 - x, 11 - y],
    4: (x, y) => [x, 11 - y],
    5: (x, y) => [y, x],
    6: (x, y) => [y, 11 - x],
    7: (x, y) => [19 - y, 11 - x],
    8: (x, y) => [19 - y, x],
  };
  for (const [orientation, source] of Object.entries(from)) {
    const bytes = turnedJpeg("colour", Number(orientation));
    const { width, height, pixels } = await decodeImage(bytes, "x.jpg");
    assert.deepEqual([width, height], Number(orientation) < 5 ? [20, 12] : [12, 20]);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const found = [...pixels.subarray((y * width + x) * 3).subarray(0, 3)];
        assert.deepEqual(found, at(...source(x, y)), `${orientation}: ${x}, ${y}`);
      }
    }
  }
});

Deno.test("a CMYK image is turned once", async () => {
  const { width, height } = await decodeImage(turnedJpeg("cmyk", 6), "x.jpg");
  assert.deepEqual([width, height], [12, 20]);
});

Deno.test("PNGs of every colour type, depth, filter and interlacing decode to their samples", async () => {
  const kinds: [colour: number, depths: number[]][] = [
    [0, [1, 2, 4, 8, 16]],
    [2, [8, 16]],
    [3, [1, 2, 4, 8]],
    [4, [8, 16]],
    [6, [8, 16]],
  ];
  for (const [colour, depths] of kinds) {
    for (const depth of depths) {
      for (const interlaced of [false, true]) {
        for (const [width, height] of [[1, 1], [3, 2], [13, 9]] as const) {
          const most = 2 ** depth - 1;
          const palette = Array.from({ length: 3 * (most + 1) }, (_, i) => (i * 37) & 255);
          const parts: PngParts = {
            width,
            height,
            depth,
            colour,
            interlaced,
            filter: (row) => row % 5,
            sample: (x, y, c) => (x * 31 + y * 17 + c * 101 + x * y * 257) & most,
            ...(colour === 3 ? { palette } : {}),
          };
          const image = await decodeImage(png(parts), "x.png");
          const wanted = [];
          for (let y = 0; y < height; y++) {
            for (let x = 0; x < width; x++) {
              for (let c = 0; c < 3; c++) {
                const sample = parts.sample(x, y, colour === 2 || colour === 6 ? c : 0);
                wanted.push(
                  colour === 3
                    ? palette[sample * 3 + c]
                    : depth === 16
                    ? sample >> 8
                    : sample * 255 / most,
                );
              }
            }
          }
          const name = `colour ${colour} depth ${depth} ${interlaced} ${width}×${height}`;
          assert.deepEqual([...image.pixels], wanted, name);
        }
      }
    }
  }
});

Deno.test("colour becomes grey by its luma, and grey is kept where grey is wanted", async () => {
  const colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]];
  const bytes = png({ width: 4, height: 1, sample: (x, _, c) => colours[x]![c]! });
  const image = await decodeImage(bytes, "x.png", { channels: 1 });
  assert.deepEqual([image.channels, ...image.pixels], [1, 76, 150, 29, 255]); // Pillow's L
  const grey = png({ width: 3, height: 1, colour: 0, sample: (x) => x * 9 });
  assert.deepEqual([...(await decodeImage(grey, "x.png", { channels: 1 })).pixels], [0, 9, 18]);
});

Deno.test("what a file is follows from its content; a name with another extension gets a warning", async () => {
  const image = await decodeImage(jpeg("grey"), "a/b.png");
  assert.deepEqual([image.width, image.warning], [20, "a JPEG image, despite its extension"]);
  const other = await decodeImage(png({ width: 1, height: 1, sample: () => 1 }), "a.JPEG");
  assert.equal(other.warning, "a PNG image, despite its extension");
});

const text = (words: string) => Uint8Array.from(words, (letter) => letter.charCodeAt(0));
const OTHERS: [what: string, bytes: Uint8Array, message: string][] = [
  ["an empty file", new Uint8Array(0), "got an empty file; get the file again or remove it"],
  ["a text", text("Hello, this is a letter."), "got text; get the file again or remove it"],
  [
    "a HEIC",
    text("\0\0\0\x18ftypheic"),
    "got a HEIC image; convert it (magick cats/1.jpg cats/1.jpg) or remove it",
  ],
  ["a page", text("<!DOCTYPE html><html>"), "got an HTML page; get the file again or remove it"],
  [
    "a pointer",
    text("version https://git-lfs.github.com/spec/v1\noid"),
    "got a Git LFS pointer, not " +
    "the file that it stands for; get the file again or remove it",
  ],
  ["zeros", new Uint8Array(99), "got nothing but zeros; get the file again or remove it"],
  ["noise", Uint8Array.of(1, 2, 3), "got something else; get the file again or remove it"],
];
for (const [what, bytes, message] of OTHERS) {
  Deno.test(`${what} is refused by what it is`, async () => {
    await rejectsData(
      () => decodeImage(bytes, "cats/1.jpg"),
      `cats/1.jpg: byte 0: expected a JPEG, PNG, WebP, GIF or BMP image, ${message}`,
    );
  });
}

Deno.test("the first bytes of a file tell what it is and whether it is an image", () => {
  const uses: [start: string, use: string, name: string][] = [
    ["\xff\xd8\xff\xe0", "read", "a JPEG image"],
    ["\x89PNG\r\n\x1a\n", "read", "a PNG image"],
    ["RIFF\x10\0\0\0WEBPVP8L", "read", "a WebP image"],
    ["RIFF\x10\0\0\0AVI LIST", "none", "something else"],
    ["GIF87a", "read", "a GIF image"],
    ["BM\xff\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", "read", "a BMP image"],
    ["II*\0", "convert", "a TIFF image"],
    ["\0\0\0\x1cftypmif1", "convert", "a HEIC image"],
    ["\0\0\0\x1cftypavif", "convert", "an AVIF image"],
    ["\0\0\0\x0cJXL \r\n", "convert", "a JPEG XL image"],
    ["<?xml version='1.0'?>\n<svg xmlns=''>", "convert", "an SVG image"],
    ["P6 3 3 255\n", "convert", "a PNM image"],
    ["\0\0\0\x18ftypmp42", "none", "an MP4 or MOV video"],
    ["BMW and other cars", "none", "text"],
    ["P1 is a parking place", "none", "text"],
    ["%PDF-1.4", "none", "a PDF document"],
    ["\0\x05\x16\x07\0\x02", "none", "a macOS resource file"],
    ["", "none", "an empty file"],
  ];
  for (const [start, use, name] of uses) assert.deepEqual(imageKindOf(text(start)), { use, name });
});

/** A JPEG's header with another size. */
function sizedJpeg(width: number, height: number): Uint8Array<ArrayBuffer> {
  const bytes = jpeg("colour");
  const frame = bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0xc0);
  const view = new DataView(bytes.buffer);
  view.setUint16(frame + 5, height);
  view.setUint16(frame + 7, width);
  return bytes;
}

Deno.test("an image that declares 65,000×65,000 pixels is refused by its header", async () => {
  const side = [0, 0, 0xfd, 0xe8];
  const large = pngOf([...side, ...side, 8, 2, 0, 0, 0], new Uint8Array(9));
  const before = Deno.memoryUsage().rss;
  for (const [name, bytes] of [["x.png", large], ["x.jpg", sizedJpeg(65000, 65000)]] as const) {
    await rejectsData(
      () => decodeImage(bytes, name),
      `${name}: byte N: expected a ${
        name === "x.png" ? "PNG" : "JPEG"
      } image of at most 100,000,000 pixels, got 65000×65000 in its ` +
        `header; make it smaller or remove it`,
    );
  }
  assert.ok(Deno.memoryUsage().rss - before < 2 ** 28);
  await rejectsData(
    () => decodeImage(jpeg("grey"), "x.jpg", { maxPixels: 100 }),
    "x.jpg: byte N: expected a JPEG image of at most 100 pixels, got 20×12 in its header; make it smaller " +
      "or remove it",
  );
});

Deno.test("a small file that declares 10,000×9,999 pixels is refused by its header", async () => {
  const webp = picture("lossless.webp"), gif = picture("still.gif"), bmp = picture("colour.bmp");
  new DataView(webp.buffer).setUint32(21, 9999 | 9998 << 14, true);
  gif.set([0x10, 0x27, 0x0f, 0x27], 6);
  new DataView(bmp.buffer).setUint32(18, 10_000, true);
  new DataView(bmp.buffer).setUint32(22, 9999, true);
  const before = Deno.memoryUsage().rss;
  for (const [name, bytes] of [["x.webp", webp], ["x.gif", gif]] as const) {
    await rejectsData(
      () => decodeImage(bytes, name),
      `${name}: byte N: the header declares 10000×9999 pixels, too many for a file of ` +
        `${bytes.length} bytes; get the file again or remove it`,
    );
  }
  await rejectsData(
    () => decodeImage(bmp, "x.bmp"),
    "x.bmp: byte N: the BMP image ends early, after 0 of 9999 rows; get the file again",
  );
  assert.ok(Deno.memoryUsage().rss - before < 2 ** 26);
});

Deno.test("an image that declares its size twice is refused before either is believed", async () => {
  // A decoder that believes the first of two canvases would take 2 GB for 5 million rows.
  const webp = picture("animated.webp"), canvas = webp.subarray(12, 30).slice();
  canvas.set([0, 0, 0x50], 15);
  const two = Uint8Array.from([...webp.subarray(0, 12), ...canvas, ...webp.subarray(12)]);
  await rejectsData(
    () => decodeImage(two, "x.webp"),
    `x.webp: byte N: the header declares 20×5242881 pixels, too many for a file of ${two.length} bytes; ` +
      "get the file again or remove it",
  );
  const lossless = picture("turned.webp");
  const at = lossless.findIndex((byte, i) => byte === 0x2f && lossless[i - 8] === 0x56);
  new DataView(lossless.buffer).setUint32(at + 1, 9999 | 9998 << 14, true);
  await rejectsData(
    () => decodeImage(lossless, "x.webp"),
    "x.webp: byte N: expected pixels of the size in the header, 20×12, got 10000×9999; get the file again",
  );
  for (const name of ["colour", "cmyk"]) {
    const whole = jpeg(name);
    const frame = whole.findIndex((byte, i) => byte === 0xff && whole[i + 1] === 0xc0);
    const length = 2 + whole[frame + 3]!, again = whole.slice(frame, frame + length);
    again[6] = 200;
    const bytes = [...whole.subarray(0, frame), ...again, ...whole.subarray(frame)];
    await rejectsData(
      () => decodeImage(Uint8Array.from(bytes), "x.jpg"),
      "x.jpg: byte N: the JPEG image declares its size twice; get the file again",
    );
  }
});

Deno.test("a CMYK image whose first channel is not the finest is refused: it would end the process", async () => {
  const bytes = jpeg("cmyk"),
    frame = bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0xc0);
  bytes[frame + 14] = 0x22;
  await rejectsData(
    () => decodeImage(bytes, "x.jpg"),
    "x.jpg: byte N: expected a CMYK image whose first channel has the most pixels, got sampling factors " +
      "1×1, 2×2, 1×1, 1×1; convert it or remove it",
  );
});

Deno.test("a JPEG with far fewer bytes than its size needs is refused before it is decoded", async () => {
  await rejectsData(
    () => decodeImage(sizedJpeg(9000, 9000), "x.jpg"),
    "x.jpg: byte N: the header declares 9000×9000 pixels, too many for a file of 344 bytes; get " +
      "the file again",
  );
  await rejectsData(
    () => decodeImage(sizedJpeg(20, 0), "x.jpg"),
    "x.jpg: byte N: expected a JPEG image with pixels, got 20×0 in its header; get the file again",
  );
});

Deno.test("a JPEG with scans without end is refused before it is decoded", async () => {
  // An empty scan again and again, over as many pixels as so many bytes may have.
  const whole = jpeg("progressive");
  const at = whole.findIndex((byte, i) => byte === 0xff && whole[i + 1] === 0xda);
  const scan = Uint8Array.of(0xff, 0xda, 0, 8, 1, 1, 0, 1, 5, 0, 0xff, 0);
  const bytes = new Uint8Array(at + 20_000 * scan.length);
  bytes.set(whole.subarray(0, at));
  for (let i = 0; i < 20_000; i++) bytes.set(scan, at + i * scan.length);
  const frame = whole.findIndex((byte, i) => byte === 0xff && whole[i + 1] === 0xc2);
  new DataView(bytes.buffer).setUint32(frame + 5, 9000 * 2 ** 16 + 9000);
  await rejectsData(
    () => decodeImage(bytes, "x.jpg"),
    "x.jpg: byte N: 20000 scans of 9000×9000 pixels would take minutes to decode; remove the file",
  );
});

const CUT = "the end of the file is missing; all of its pixels are there";

Deno.test("a JPEG without the marker of its end is read with a warning, every pixel right", async () => {
  for (const name of Object.keys(JPEGS)) {
    const bytes = jpeg(name), whole = await decodeImage(bytes, name);
    const padded = new Uint8Array(bytes.length + 500);
    padded.set(bytes.subarray(0, -2));
    for (const cut of [bytes.slice(0, -1), bytes.slice(0, -2), padded]) {
      assert.deepEqual(await decodeImage(cut, name), { ...whole, warning: CUT });
    }
    // What follows the end is none of the image: another image, a line break, zeros.
    for (const more of [bytes, Uint8Array.of(10), new Uint8Array(99)]) {
      const longer = Uint8Array.from([...bytes, ...more]);
      assert.deepEqual(await decodeImage(longer, name), whole, name);
    }
  }
});

Deno.test("a JPEG that lacks blocks is refused with the row that they begin in, also where its end is marked", async () => {
  for (
    const [name, message] of [
      ["colour", "the JPEG image ends early: pixels from row 1 of 12 on are missing"],
      ["grey", "the JPEG image ends early: pixels from row 1 of 12 on are missing"],
      ["cmyk", "the JPEG image ends early: pixels from row 9 of 12 on are missing"],
      ["progressive", "the JPEG image ends early: the scans with its details are missing"],
    ] as const
  ) {
    const bytes = jpeg(name), cut = bytes.slice(0, -22);
    for (const end of [[], [0xff, 0xd9], Array(30).fill(0)]) {
      await rejectsData(
        () => decodeImage(Uint8Array.from([...cut, ...end]), "x.jpg"),
        `x.jpg: byte N: ${message}; get the file again`,
      );
    }
  }
});

Deno.test("a JPEG that is cut between its restarts or scans is refused, or said to lack details", async () => {
  const end = Uint8Array.of(0xff, 0xd9);
  for (const name of ["restarts", "progressive"]) {
    const bytes = jpeg(name), { pixels } = await decodeImage(bytes, name);
    const first = bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0xda);
    let said = 0;
    for (let length = first + 20; length < bytes.length - 2; length++) {
      const cut = Uint8Array.from([...bytes.subarray(0, length), ...end]);
      const image = await decodeImage(cut, name).catch((error) => error as DataError);
      if (image instanceof DataError) {
        assert.match(image.message, /: the JPEG image (ends early|is damaged)/, `${length}`);
      } else if (image.warning === undefined) {
        assert.deepEqual(image.pixels, pixels, `${name}, ${length} bytes`);
      } else {
        assert.equal(image.warning, "the scans with its finest details are missing", `${length}`);
        said++;
      }
    }
    assert.equal(said > 0, name === "progressive", `${said}`);
  }
});

Deno.test("a file that is cut short anywhere gives the pixels of the whole file or is refused", async () => {
  const files = [
    ...Object.keys(JPEGS).map((name) => [`${name}.jpg`, jpeg(name)] as const),
    ...Object.keys(PICTURES).map((name) => [name, picture(name)] as const),
    ["x.png", png({ width: 5, height: 5, sample: (x, y) => x * y })] as const,
  ];
  for (const [name, bytes] of files) {
    const { pixels } = await decodeImage(bytes, name);
    let read = 0;
    for (let length = 0; length < bytes.length; length += bytes.length > 600 ? 3 : 1) {
      try {
        const cut = await decodeImage(bytes.slice(0, length), name);
        assert.deepEqual(cut.pixels, pixels, `${name}, ${length} bytes`);
        read++;
      } catch (error) {
        assert.ok(error instanceof DataError, `${error}`);
        assert.match(
          error.message,
          new RegExp(`^${name}: byte \\d+: .*; get the file again( or remove it)?$`),
        );
      }
    }
    // Of an animation, the first picture ends where the file has other bytes left.
    assert.ok(read < (name.startsWith("animated") ? bytes.length * 0.7 : 24), `${name}: ${read}`);
  }
});

/** A PNG of 4×6 pixels from its chunks; `rows` of 13 bytes each are packed in one IDAT. */
function pngWith(
  { rows = 6, before = [], pack = (data) => data }: {
    rows?: number;
    before?: [type: string, data: Uint8Array][];
    pack?: (data: Uint8Array) => Uint8Array;
  },
): Uint8Array<ArrayBuffer> {
  const data = Uint8Array.from({ length: 13 * rows }, (_, i) => i % 13 === 0 ? 0 : (i * 29) & 255);
  return pngFile([
    ["IHDR", Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 6, 8, 2, 0, 0, 0)],
    ...before,
    ["IDAT", pack(deflateSync(data))],
    ["IEND", new Uint8Array(0)],
  ]);
}

Deno.test("a PNG is read with a warning where no pixel is lost, as libpng reads it", async () => {
  const whole = pngWith({}), { pixels, warning } = await decodeImage(whole, "x.png");
  assert.equal(warning, undefined);
  const flip = (bytes: Uint8Array, at: number) =>
    bytes.with(at < 0 ? bytes.length + at : at, bytes.at(at)! ^ 1) as Uint8Array<ArrayBuffer>;
  const note: [string, Uint8Array] = ["tEXt", text("Title\0A cat")];
  const turned: [string, Uint8Array] = [
    "eXIf",
    text("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0"),
  ];
  const wrong = (type: string) => `the checksum of chunk ${type} is wrong; no pixel depends on it`;
  const adler = "the checksum of its pixels is wrong or missing; all of them are there";
  const files: [bytes: Uint8Array, warning: string][] = [
    [whole.subarray(0, -12), CUT], // Without IEND.
    [whole.subarray(0, -4), CUT], // IEND without its checksum.
    [whole.subarray(0, -7), CUT],
    [whole.subarray(0, -16), CUT], // Without the checksum of IDAT.
    [whole.subarray(0, -20), CUT], // Without that of the pixels in it.
    [flip(whole, -1), wrong("IEND")],
    [flip(pngWith({ before: [note] }), 45), wrong("tEXt")],
    [flip(pngWith({ before: [turned] }), 50), wrong("eXIf")], // Not turned.
    [pngWith({ rows: 8 }), "2 rows more than its header declares are left out"],
    [pngWith({ pack: (data) => flip(data, -1) }), adler],
    [pngWith({ pack: (data) => data.subarray(0, -4) }), adler],
    [pngWith({ pack: (data) => data.subarray(0, -2) }), adler],
  ];
  for (const [bytes, warning] of files) {
    const image = await decodeImage(bytes, "x.png");
    assert.deepEqual([image.pixels, image.warning], [pixels, warning]);
  }
  const junk = Uint8Array.from([...whole, ...text("<html>")]);
  assert.deepEqual(await decodeImage(junk, "x.png"), await decodeImage(whole, "x.png"));
});

Deno.test("a PNG that lacks rows is refused with how many there are", async () => {
  const refused = (bytes: Uint8Array, message: string) =>
    rejectsData(() => decodeImage(bytes, "x.png"), `x.png: byte N: ${message}; get the file again`);
  await refused(pngWith({ rows: 4 }), "the PNG image ends early, after 4 of 6 rows");
  const large = png({
    width: 90,
    height: 90,
    sample: (x, y, c) => (x * y * 7919 + c * x) >> 3 & 255,
  });
  await assert.rejects(decodeImage(large.subarray(0, large.length >> 1), "x.png"), {
    message: /^x\.png: byte \d+: the PNG image ends early, after [1-8]\d of 90 rows; get the file/,
  });
  await refused(
    pngWith({ pack: (data) => data.subarray(0, 2) }),
    "the PNG image ends early, after 0 of 6 rows",
  );
  await refused(
    pngWith({ pack: text.bind(null, "text") }),
    "the pixels are damaged (not in zlib's format)",
  );
});

Deno.test("a PNG with rows without end is refused before they are unpacked", async () => {
  await rejectsData(
    () => decodeImage(pngWith({ pack: () => deflateSync(new Uint8Array(2 ** 27)) }), "x.png"),
    "x.png: byte N: the pixels are damaged (more than the header declares); get the " +
      "file again",
  );
});

Deno.test("a damaged PNG is refused with what is wrong", async () => {
  const parts: PngParts = { width: 2, height: 2, sample: () => 7 };
  const bytes = png(parts);
  bytes[bytes.length - 16]! ^= 1;
  await assert.rejects(decodeImage(bytes, "x.png"), {
    message: /^x\.png: byte \d+: the checksum of chunk IDAT is wrong; get the file again$/,
  });
  await assert.rejects(decodeImage(png({ ...parts, colour: 3 }), "x.png"), {
    message: "x.png: byte 33: the PNG image has no palette; get the file again",
  });
  await assert.rejects(decodeImage(png({ ...parts, filter: () => 7 }), "x.png"), DataError);
  await assert.rejects(
    decodeImage(pngOf([0, 0, 0, 2, 0, 0, 0, 2, 5, 2, 0, 0, 0], new Uint8Array(9)), "x.png"),
    {
      message: /^x\.png: byte 24: expected a valid PNG header, got bit depth 5, colour type 2/,
    },
  );
});

Deno.test("bytes changed at random give an image of its size or an error with the name", async () => {
  const files = [
    ...Object.keys(JPEGS).map((name) => jpeg(name)),
    png({ width: 20, height: 12, sample: (x, y, c) => (x * y * (c + 1)) & 255, filter: () => 4 }),
    png({ width: 20, height: 12, depth: 4, colour: 0, interlaced: true, sample: (x) => x & 15 }),
    ...Object.keys(PICTURES).map((name) => picture(name)),
  ];
  let decoded = 0, refused = 0;
  for (const [at, whole] of files.entries()) {
    const stream = key(at, 77);
    for (let trial = 0; trial < 100; trial++) {
      const bytes = whole.slice();
      for (let i = 0; i < 1 + trial % 4; i++) {
        const where = scaleTo(draw(stream, trial * 16 + 2 * i), bytes.length);
        bytes[where] = draw(stream, trial * 16 + 2 * i + 1) & 255;
      }
      try {
        const { width, height, pixels } = await decodeImage(bytes, "some/file");
        assert.equal(pixels.length, width * height * 3);
        decoded++;
      } catch (error) {
        assert.ok(error instanceof DataError, `${error}`);
        assert.match(error.message, /^some\/file: byte \d+: [^]*; (get|convert|make|remove) [^]*$/);
        refused++;
      }
    }
  }
  assert.ok(decoded > 50 && refused > 50, `${decoded} decoded, ${refused} refused`);
  // And the decoder still works.
  const { pixels } = await decodeImage(jpeg("colour"), "x.jpg");
  assert.equal(crc32(pixels), JPEGS["colour"]!.pixels);
});

Deno.test("images that Deno decodes leave no memory behind", async () => {
  const bytes = new Uint8Array(54 + 1600 * 1200 * 3), view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  for (const [at, value] of [[10, 54], [14, 40], [18, 1600], [22, 1200]] as const) {
    view.setUint32(at, value, true);
  }
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  const decode = async (times: number) => {
    for (let i = 0; i < times; i++) await decodeImage(bytes, "x.bmp");
    return Deno.memoryUsage().rss;
  };
  // Measured: 698 MB where nothing is freed, 146 MB otherwise.
  const before = await decode(5), growth = await decode(35) - before;
  assert.ok(growth < 2 ** 28, `${growth} bytes more`);
});

Deno.test("images are decoded in a worker", async () => {
  const worker = new Worker(new URL("./support/decode_worker.ts", import.meta.url), {
    type: "module",
  });
  const answers: number[] = [];
  const answered = Promise.withResolvers<void>();
  worker.onmessage = ({ data }) => {
    answers.push(data);
    if (answers.length === 3) answered.resolve();
  };
  worker.postMessage(jpeg("colour"));
  worker.postMessage(jpeg("cmyk"));
  worker.postMessage(picture("lossy-alpha.webp"));
  await answered.promise;
  worker.terminate();
  assert.equal(answers[0], JPEGS["colour"]!.pixels);
  assert.equal(answers[1], crc32((await decodeImage(jpeg("cmyk"), "x.jpg")).pixels));
  assert.equal(answers[2], PICTURES["lossy-alpha.webp"]!.pixels);
});
