/**
 * Images from stored arrays of numbers: what their values mean, and which dimension holds the
 * channels. Nothing is cut off: where 256 levels cannot hold the values, or where it is unclear what
 * they mean, the arrays are refused.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import type { DataSpec } from "../../recipe/data.ts";
import { elements, numberType, shapeText, type StoredArray, typeName } from "./elements.ts";

/** The images of both splits. */
interface Images {
  /** Shape of one image. */
  readonly shape: readonly [h: number, w: number, c: number];
  /** u8, `[n, h, w, c]`. */
  readonly train: Uint8Array;
  /** u8, `[n, h, w, c]`. */
  readonly test: Uint8Array;
  /** In words how they were read, where they are no plain bytes. */
  readonly layout?: string;
}

/** Maximum number of channels of an image. */
const MAX_CHANNELS = 4;

/**
 * The images of two arrays. Both are used up: their memory may hold the result.
 *
 * Whole numbers, and floats of 0 to 255, are pixels (floats are rounded); floats of 0 to 1, and truth
 * values, are pixel / 255; floats of −1 to 1 are pixel / 127.5 − 1, if all values fit that.
 *
 * `[n, h, w]` has one channel. Of four dimensions, the last holds the channels where it is at most
 * 4 (`[n, h, w, c]`), the second where that is (`[n, c, h, w]`). Where both are, the images being 4
 * pixels high or wide, the recipe's `size` and `channels` decide; otherwise the array is refused.
 *
 * @param convert makes the remedy for images that a command can make right
 * @param warn called about images that are hardly more than black
 * @throws {DataError} when an array holds no images, or images that do not fit the recipe
 */
export function readImages(
  train: StoredArray,
  test: StoredArray,
  recipe: Pick<DataSpec, "size" | "channels">,
  { convert, warn }: {
    /** The shell command that converts the images by an expression of NumPy, in which `a` is the array. */
    convert: (expression: string) => string;
    warn: (text: string) => void;
  },
): Images {
  for (const array of [train, test]) {
    if (!numberType(array.type)) throw wrongType(array, convert);
  }
  const order = orderOf(train, recipe);
  checkTest(test, train);
  const ranges = { train: rangeOf(train), test: rangeOf(test) };
  const scale = scaleOf(train, ranges.train), testScale = scaleOf(test, ranges.test);
  if (!scale || !testScale) {
    throw outOfRange(scale ? test : train, scale ? ranges.test : ranges.train, ranges, convert);
  }
  if (scale !== testScale) {
    throw new DataError(
      `${test.header}: expected images of ${scale.from} to ${scale.to}, as in ${train.location}, ` +
        `got ${typeName(test.type)} from ${short(ranges.test.min)} to ` +
        `${short(ranges.test.max)}; save both in the same way`,
    );
  }
  if (scale === BYTES && ranges.train.max <= 1 && !/u1$/.test(train.type)) {
    warn(
      `${train.location}: no pixel is above 1 of 255, so images are hardly more than black; ` +
        `multiply them by 255, or save them as floats of 0 to 1`,
    );
  }
  const layout = describe(train, scale, ranges);
  return {
    shape: order.shape,
    train: arrange(scaled(train, scale), train, order),
    test: arrange(scaled(test, scale), test, order),
    ...(layout === undefined ? {} : { layout }),
  };
}

/** A linear rule that makes pixels of values: `value · times + plus`, rounded. */
interface Scale {
  readonly from: number;
  readonly to: number;
  readonly times: number;
  readonly plus: number;
}

const BYTES: Scale = { from: 0, to: 255, times: 1, plus: 0 };
const UNIT: Scale = { from: 0, to: 1, times: 255, plus: 0 };
const SIGNED: Scale = { from: -1, to: 1, times: 127.5, plus: 127.5 };

/** What the values of an array are. */
interface Range {
  readonly min: number;
  readonly max: number;
  /** The rules that give whole numbers for all values. */
  readonly exact: ReadonlySet<Scale>;
}

function rangeOf(array: StoredArray): Range {
  let min = Infinity, max = -Infinity, at = 0;
  const exact = new Set([BYTES, UNIT, SIGNED]);
  // Float16 has 11 bits: a level of 255 is off by up to 0.06.
  const tolerance = /f2$/.test(array.type) ? 0.1 : 0.01;
  const bytes = /u1$/.test(array.type), floats = /f\d$/.test(array.type);
  if (bytes) return { min: 0, max: 255, exact };
  for (const piece of elements(array)) {
    // Loops by index take a third of the time of those by value.
    for (let i = 0; i < piece.length; i++) {
      const value = piece[i]!;
      if (value < min) min = value;
      if (value > max) max = value;
      if (value - value !== 0) throw notFinite(array, at + i, value);
    }
    at += piece.length;
    if (!floats) continue;
    for (const scale of exact) {
      const { times, plus } = scale;
      for (let i = 0; i < piece.length; i++) {
        const pixel = piece[i]! * times + plus;
        if (Math.abs(pixel - Math.round(pixel)) <= tolerance) continue;
        exact.delete(scale);
        break;
      }
    }
  }
  return { min, max, exact };
}

/** The rule for an array; `undefined` where none is certain. */
function scaleOf({ type }: StoredArray, { min, max, exact }: Range): Scale | undefined {
  if (/b1$/.test(type)) return UNIT;
  if (!/f\d$/.test(type)) return min >= 0 && max <= 255 ? BYTES : undefined;
  // Images divided by 255 twice also lie in 0 to 1: nothing would be left of them.
  if (min >= 0 && max <= 1) return max >= 0.25 || max === 0 ? UNIT : undefined;
  if (min >= -1 && max <= 1) return exact.has(SIGNED) ? SIGNED : undefined;
  // Floats of 0 to 1.02, as a resize may give, also lie in 0 to 255.
  if (min >= 0 && max <= 255) return exact.has(BYTES) || max >= 128 ? BYTES : undefined;
  return undefined;
}

function describe(
  train: StoredArray,
  scale: Scale,
  ranges: { train: Range; test: Range },
): string | undefined {
  if (/u1$/.test(train.type)) return undefined;
  const name = typeName(train.type);
  if (/b1$/.test(train.type)) return `images of ${name}, True as 255`;
  const rounded = ranges.train.exact.has(scale) && ranges.test.exact.has(scale) ? "" : ", rounded";
  if (scale === BYTES) {
    return `images of ${name} from ${short(ranges.train.min)} to ${
      short(ranges.train.max)
    }${rounded}`;
  }
  const rule = scale === UNIT ? "times 255" : "as (x + 1) times 127.5";
  return `images of ${name} from ${scale.from} to ${scale.to}, ${rule}${rounded}`;
}

/** The elements as pixels, in their order. They are written over what was read already. */
function scaled(array: StoredArray, { times, plus }: Scale): Uint8Array {
  const { body, type } = array;
  if (/u1$/.test(type)) return body;
  let at = 0;
  for (const piece of elements(array)) {
    for (let i = 0; i < piece.length; i++) body[at++] = Math.round(piece[i]! * times + plus);
  }
  return body.slice(0, at);
}

/** How the images of an array are stored. */
interface Order {
  /** Shape of one image. */
  readonly shape: readonly [h: number, w: number, c: number];
  /** Whether the dimensions are `[n, c, h, w]`. */
  readonly planes: boolean;
}

function orderOf(array: StoredArray, recipe: Pick<DataSpec, "size" | "channels">): Order {
  const { location: file, dims, header } = array, found = shapeText(dims);
  const orders = possible(dims);
  if (orders.length === 0) throw noImages(array);
  const size = recipe.size[0] > 0 ? recipe.size : undefined;
  const fitting = orders.filter(({ shape: [h, w, c] }) =>
    (!size || (h === size[0] && w === size[1])) && (!recipe.channels || c === recipe.channels)
  );
  if (fitting.length === 1) return fitting[0]!;
  if (fitting.length > 1) {
    throw new DataError(
      `${header}: it is unclear which dimension of ${found} holds the channels; give data.size and ` +
        `data.channels, or save larger images`,
    );
  }
  const sizeFits = orders.some(({ shape: [h, w] }) => !size || (h === size[0] && w === size[1]));
  if (size && !sizeFits) {
    const sizes = unique(orders.map(({ shape: [h, w] }) => `${h}×${w}`));
    throw new DataError(
      `data.size: expected ${sizes}, as in ${file}, got ${size.join("×")}; ` +
        `correct it or leave it out`,
    );
  }
  throw new DataError(
    `data.channels: expected ${unique(orders.map(({ shape }) => `${shape[2]}`))}, as in ` +
      `${file}, got ${recipe.channels}; correct it or leave it out`,
  );
}

function possible(dims: readonly number[]): Order[] {
  if (dims.includes(0)) return [];
  const [, a, b, c] = dims as [number, number, number, number];
  if (dims.length === 3) return [{ shape: [a, b, 1], planes: false }];
  if (dims.length !== 4) return [];
  const orders: Order[] = [];
  if (c <= MAX_CHANNELS) orders.push({ shape: [a, b, c], planes: false });
  if (a <= MAX_CHANNELS) orders.push({ shape: [b, c, a], planes: true });
  return orders;
}

/** The pixels as `[n, h, w, c]`: the same memory if they are stored so. */
function arrange(
  pixels: Uint8Array,
  { dims, fortran }: StoredArray,
  { shape: [h, w, c], planes }: Order,
): Uint8Array {
  if (!fortran && (!planes || c === 1)) return pixels;
  const n = dims[0]!, sizes = planes ? [n, c, h, w] : [n, h, w, c];
  // How far apart neighbours in each dimension are stored.
  const steps = [0, 0, 0, 0];
  let step = 1;
  for (const axis of fortran ? [0, 1, 2, 3] : [3, 2, 1, 0]) {
    steps[axis] = step;
    step *= sizes[axis]!;
  }
  const [ofN, ofH, ofW, ofC] = (planes ? [0, 2, 3, 1] : [0, 1, 2, 3]).map((axis) => steps[axis]!);
  const images = new Uint8Array(pixels.length);
  let at = 0;
  for (let i = 0; i < n; i++) {
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const from = i * ofN! + y * ofH! + x * ofW!;
        for (let channel = 0; channel < c; channel++) images[at++] = pixels[from + channel * ofC!]!;
      }
    }
  }
  return images;
}

/** Test images must have the size of training images. */
function checkTest(test: StoredArray, train: StoredArray): void {
  if (test.dims[0] === 0) {
    throw new DataError(
      `${test.header}: expected at least one image, got ${shapeText(test.dims)}; ` +
        `save some for the test`,
    );
  }
  if (`${test.dims.slice(1)}` === `${train.dims.slice(1)}`) return;
  throw new DataError(
    `${test.header}: expected images of the size in ${train.location}, ${shapeText(train.dims)}, ` +
      `got ${shapeText(test.dims)}; save both in the same way`,
  );
}

function noImages({ header, dims }: StoredArray): DataError {
  const side = Math.sqrt(dims[1] ?? 0), square = dims.length === 2 && Number.isInteger(side);
  const remedy = square && side > 1
    ? `save a.reshape(-1, ${side}, ${side}) if they are square and grey`
    : `reshape the array`;
  return new DataError(
    `${header}: expected images [n, h, w], [n, h, w, c] or [n, c, h, w] with at most ` +
      `${MAX_CHANNELS} channels and no dimension 0, got ${shapeText(dims)}; ${remedy}`,
  );
}

function wrongType(array: StoredArray, convert: (expression: string) => string): DataError {
  const remedy = array.type.includes("O")
    ? `save images of one size as one array (reading objects may run code of the file: only if you ` +
      `trust it): ${convert("np.stack([np.array(x) for x in a])")}`
    : `save a.astype("uint8"), with pixels from 0 to 255`;
  return new DataError(
    `${array.header}: expected images of whole numbers or floats, got ${typeName(array.type)}; ` +
      remedy,
  );
}

function outOfRange(
  array: StoredArray,
  { min, max }: Range,
  { train, test }: { train: Range; test: Range },
  convert: (expression: string) => string,
): DataError {
  const low = Math.min(train.min, test.min), high = Math.max(train.max, test.max);
  const remedy = low === high ? "correct the file" : `this maps ${short(low)} to 0 and ` +
    `${short(high)} to 255: ` +
    convert(
      `np.clip((a.astype('float32') - ${low}) * ${
        255 / (high - low)
      }, 0, 255).round().astype('uint8')`,
    );
  return new DataError(
    `${array.header}: expected images from 0 to 255, or floats from 0 to 1, got ` +
      `${typeName(array.type)} from ${short(min)} to ${short(max)}; ${remedy}`,
  );
}

function notFinite(array: StoredArray, at: number, value: number): DataError {
  return new DataError(
    `${array.place(at)}: expected a number as a pixel, got ${value}; correct the file`,
  );
}

/** A whole number, or four digits of another. */
function short(value: number): string {
  return `${Number.isInteger(value) ? value : Number(value.toPrecision(4))}`;
}

function unique(words: readonly string[]): string {
  return [...new Set(words)].join(" or ");
}
