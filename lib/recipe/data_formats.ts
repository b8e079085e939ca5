/**
 * What a recipe may say of each data format, and its defaults: one entry per format. Its reader is in
 * `lib/data/formats`.
 *
 * @module
 */

type Size = readonly [h: number, w: number];

/** `data` as written, without its defaults. A number that is missing or 0 comes from the data. */
interface WrittenData {
  readonly format: DataFormatName;
  readonly root: string;
  readonly classes?: number | undefined;
  readonly size?: Size | undefined;
  readonly channels?: number | undefined;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Reports that the value of `key` is wrong, with what was expected. */
type Refuse = (key: keyof WrittenData, expected: string) => void;

interface DataFormat {
  /** What `data.root` is the path of; absent if the format reads no files. */
  readonly root?: string;
  /** Channels of all data of this format; absent if they differ. */
  readonly channels?: number;
  /** What takes the place of a number that is missing or 0; other numbers come from the data. */
  readonly defaults?: {
    readonly classes?: number;
    readonly size?: Size;
    readonly channels?: number;
    readonly train?: number;
    readonly test?: number;
  };
  /** Checks what is right by itself and wrong for this format. Missing numbers are 0. */
  check?(
    data: { readonly classes: number; readonly channels: number; readonly size: Size },
    refuse: Refuse,
  ): void;
}

/** The name of a format in a recipe. */
export type DataFormatName = "glyphs" | "idx" | "cifar" | "npz" | "folder";

/** The formats by name. */
export const DATA_FORMATS: Readonly<Record<DataFormatName, DataFormat>> = {
  glyphs: {
    channels: 1,
    defaults: { classes: 10, size: [28, 28], channels: 1, train: 10_000, test: 2_000 },
    check({ classes, channels, size }, refuse) {
      if (classes > 10) refuse("classes", "a whole number from 2 to 10, as there are 10 glyphs");
      if (channels > 1) refuse("channels", "1 (or 0), as glyphs images are grey");
      if (size[0] > 0 && Math.min(...size) < 12) {
        refuse("size", "at least 12, below which glyphs cannot be told apart");
      }
    },
  },
  idx: {
    root: "the path of the folder of the IDX files",
    channels: 1,
    check({ channels }, refuse) {
      if (channels > 1) refuse("channels", "1 (or 0), as idx images are grey");
    },
  },
  cifar: {
    root: "the path of the folder of the CIFAR files",
    channels: 3,
    defaults: { size: [32, 32], channels: 3 },
    check({ classes, channels, size }, refuse) {
      if (![0, 10, 20, 100].includes(classes)) {
        refuse("classes", "10 for CIFAR-10, 100 (fine) or 20 (coarse) for CIFAR-100");
      }
      if (![0, 3].includes(channels)) {
        refuse("channels", "3 (or 0), as cifar images are in colour");
      }
      if (size.some((side) => ![0, 32].includes(side))) {
        refuse("size", "32 (or 0), as cifar images are 32×32");
      }
    },
  },
  npz: { root: "the path of an .npz file, or of a folder of .npy files" },
  folder: {
    root: "the path of a folder with a folder of images for each class",
    defaults: { size: [224, 224], channels: 3 }, // 224: what published networks take.
    check({ channels }, refuse) {
      if (![0, 1, 3].includes(channels)) refuse("channels", "3 (or 0) for colour, 1 for grey");
    },
  },
};

/** The names of the formats. */
export const DATA_FORMAT_NAMES = Object.keys(DATA_FORMATS) as DataFormatName[];

/** Reports all settings of `data` that are right by themselves and wrong together. */
export function checkData(data: WrittenData, refuse: Refuse): void {
  const { classes = 0, channels = 0, size = [0, 0] } = data, format = DATA_FORMATS[data.format];
  if (format.root !== undefined && data.root === "") refuse("root", format.root);
  format.check?.({ classes, channels, size }, refuse);
  if ((size[0] === 0) !== (size[1] === 0)) {
    refuse("size", "a height and a width, or 0 to take both from the data");
  }
  for (const key of ["mean", "std"] as const) {
    if (channels && data[key].length !== 1 && data[key].length !== channels) {
      refuse(key, `one number, or ${channels} as there are that many channels`);
    }
  }
}
