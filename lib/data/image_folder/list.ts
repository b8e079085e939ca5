/**
 * Lists folders of images. What a file is, is told by its ending where that is JPEG's or PNG's, and by its
 * first bytes otherwise. What is not read is counted, to be said in one line.
 *
 * @module
 */
import { basename, dirname, relative, sep } from "node:path";
import { withThousands } from "../../core/format.ts";
import { visible } from "../../core/text.ts";
import { imageKindOf, KIND_BYTES } from "../../image/header.ts";
import { isOwnPng } from "../../image/png_encode.ts";
import { cannotRead } from "../paths/stat.ts";
import { type PathPolicy, READ_ANYTHING } from "../paths/path_policy.ts";

/**
 * Endings that are taken at their word, so that a damaged image is an error. A look into each of the
 * others costs 10 µs, and far more on slow disks.
 */
const ENDINGS = /\.(jpe?g|jpe|jfif|png)$/i;

/** What `qtrain data` draws is no input, if it has the name that it gets by default. */
const PREVIEW = "preview.png";

/** What systems leave in folders, in lower case. Like hidden files, it is passed over without a word. */
const SYSTEM = new Set([
  "__macosx",
  "@eadir",
  "thumbs.db",
  "ehthumbs.db",
  "desktop.ini",
  "icon\r",
  "$recycle.bin",
  "system volume information",
  "lost+found",
]);

/** A listing that takes longer says how far it is, this often. */
const PROGRESS_AFTER_MS = 1500, PROGRESS_EVERY_MS = 200;
/** How often timers and signals get their turn. */
const PAUSE_EVERY_MS = 50;
/** Files of unknown endings in a folder that are looked into, to see whether it holds images at all. */
const MAX_PROBED = 100;
/** Names given for each reason. */
const MAX_NAMES = 3;

/** Why something is left out: the words for one, and for several. */
const REASONS = {
  kind: ["image of a kind that is not read", "images of kinds that are not read"],
  other: ["file that is no image", "files that are no images"],
  nowhere: ["link that leads nowhere", "links that lead nowhere"],
  loose: ["image outside the class folders", "images outside the class folders"],
  unlisted: ["image that no line names", "images that no line names"],
  folder: ["folder of images", "folders of images"],
} as const;

type Reason = keyof typeof REASONS;

interface Tally {
  count: number;
  readonly paths: string[];
  readonly kinds: Map<string, number>;
}

/** Counts what is found but not read, with a few names. */
export class LeftOut {
  readonly #found = new Map<
    Reason,
    { count: number; paths: string[]; kinds: Map<string, number> }
  >();

  /**
   * Counts a file, a link or a folder.
   *
   * @param kind what it is, as `imageKindOf` names it
   */
  add(reason: Reason, path: string, kind?: string): void {
    const found = this.#of(reason);
    found.count++;
    addName(found.paths, path);
    // "a HEIC image" is HEIC here.
    const word = kind?.replace(/^an? |(?<=\S) image$|,.*$|^something else$/g, "");
    if (word) found.kinds.set(word, (found.kinds.get(word) ?? 0) + 1);
  }

  /** Adds what another has counted. */
  merge(other: LeftOut): void {
    for (const [reason, { count, paths, kinds }] of other.#found) {
      const found = this.#of(reason);
      found.count += count;
      for (const path of paths) addName(found.paths, path);
      for (const [kind, n] of kinds) found.kinds.set(kind, (found.kinds.get(kind) ?? 0) + n);
    }
  }

  /** Whether anything was left out for that reason. */
  has(reason: Reason): boolean {
    return this.#found.has(reason);
  }

  /**
   * What was left out, such as `2 images of kinds that are not read (HEIC; a/1.heic, b/1.heic), 1 link
   * that leads nowhere (a/2.png)`; `undefined` if nothing was.
   *
   * @param root names are given relative to it
   */
  describe(root: string): string | undefined {
    const parts = [];
    for (const reason of Object.keys(REASONS) as Reason[]) {
      const found = this.#found.get(reason);
      if (!found) continue;
      const { count, paths, kinds } = found;
      const tally = [...kinds].sort(([, a], [, b]) => b - a).slice(0, 5)
        .map(([kind, n]) => n === count ? kind : `${kind}: ${withThousands(n)}`).join(", ");
      const names = paths.map((path) => visible(relative(root, path))).join(", ");
      parts.push(
        `${withThousands(count)} ${REASONS[reason][count === 1 ? 0 : 1]} (` +
          (tally === "" ? "" : `${tally}; `) + names + (count > paths.length ? ", …)" : ")"),
      );
    }
    return parts.length === 0 ? undefined : parts.join(", ");
  }

  #of(reason: Reason): Tally {
    const found: Tally = this.#found.get(reason) ?? { count: 0, paths: [], kinds: new Map() };
    this.#found.set(reason, found);
    return found;
  }
}

/** Keeps the first few names in the order of names: folders are listed in any order. */
function addName(names: string[], name: string): void {
  if (names.length === MAX_NAMES && name > names.at(-1)!) return;
  names.push(name);
  names.sort();
  if (names.length > MAX_NAMES) names.pop();
}

/** What is below a folder. */
interface Listing {
  /** Paths of all images, in the same order on every system. */
  readonly images: readonly string[];
  /** Names of the folders directly in it, sorted. */
  readonly folders: readonly string[];
  /** Whether images lie directly in it. */
  readonly direct: boolean;
  /** What is not read. */
  readonly leftOut: LeftOut;
  /** Path of the folder without links. */
  readonly real: string;
  /** Whether training made it: there are runs in it, and no images. */
  readonly ownOutput: boolean;
}

/** What is directly in a folder. */
interface Shape {
  /** Names of folders, sorted. */
  readonly folders: readonly string[];
  /** Whether there are images. */
  readonly images: boolean;
}

interface Entry {
  readonly name: string;
  readonly kind: "file" | "folder" | "link to nowhere" | "pipe or device";
  /** Path without links. */
  readonly real: string;
}

/** How to list. */
interface ListOptions {
  /** Checks where links lead; by default anywhere. */
  readonly policy?: PathPolicy;
  /** Called now and then with how far a long listing is. */
  readonly progress?: ((text: string) => void) | undefined;
}

/** Lists the folders of a data set. */
export class FolderLister {
  readonly #policy: PathPolicy;
  readonly #progress: (text: string) => void;
  #files = 0;
  #paused = performance.now();
  #reported = performance.now() + PROGRESS_AFTER_MS - PROGRESS_EVERY_MS;

  constructor({ policy = READ_ANYTHING, progress = () => {} }: ListOptions = {}) {
    this.#policy = policy;
    this.#progress = progress;
  }

  /**
   * What is directly in a folder.
   *
   * @param leftOut if given, counts images and links that lead nowhere
   * @throws {DataError} when it cannot be read, or a link leads outside the path scope
   */
  async shape(path: string, leftOut?: LeftOut): Promise<Shape> {
    const folders = [], names = readFolder(path), run = isRun(names);
    let images = false, probed = 0;
    for await (const entry of this.#entries(path, realPath(path), names)) {
      const full = pathOf(path, entry.name);
      // A run that was trained into the folder of its own data.
      if (run && entry.name === "checkpoints") continue;
      if (entry.kind === "folder") folders.push(entry.name);
      else if (entry.kind === "link to nowhere") leftOut?.add("nowhere", full);
      else if (isImage(entry, () => probed++ < MAX_PROBED)) {
        images = true;
        leftOut?.add("loose", full);
      }
    }
    return { folders: folders.sort(), images };
  }

  /** Whether there are images anywhere below a folder. @throws {DataError} as `shape` does */
  async holdsImages(path: string): Promise<boolean> {
    const seen = new Set<string>(),
      waiting: [path: string, real: string][] = [[path, realPath(path)]];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const [folder, real] = next;
      if (seen.has(real)) continue;
      seen.add(real);
      const names = readFolder(folder);
      if (isRun(names)) continue;
      let probed = 0;
      for await (const entry of this.#entries(folder, real, names)) {
        if (entry.kind === "folder") waiting.push([pathOf(folder, entry.name), entry.real]);
        else if (isImage(entry, () => probed++ < MAX_PROBED)) return true;
      }
    }
    return false;
  }

  /**
   * All images below a folder. Folders of qtrain's runs are passed over.
   *
   * @throws {DataError} when a folder cannot be read, or a link leads outside the path scope
   */
  async images(path: string): Promise<Listing> {
    const images: string[] = [], folders: string[] = [], leftOut = new LeftOut();
    // A link may lead back, to a folder that was listed or to one above it: no image counts twice, and
    // none of another class.
    const seen = new Set<string>(), above = new Set<string>();
    let direct = false, runs = 0, names: readonly Deno.DirEntry[] = [];
    const top = realPath(path), waiting: [path: string, real: string][] = [[path, top]];
    for (const [folder, real] of waiting) { // It grows meanwhile.
      if (seen.has(real) || above.has(real)) continue;
      seen.add(real);
      for (let at = dirname(real); !above.has(at); at = dirname(at)) above.add(at);
      names = readFolder(folder);
      if (isRun(names)) {
        runs++;
        continue;
      }
      const inner: typeof waiting = [];
      for await (const entry of this.#entries(folder, real, names)) {
        const full = pathOf(folder, entry.name);
        if (entry.kind === "folder") {
          inner.push([full, entry.real]);
          if (folder === path) folders.push(entry.name);
          continue;
        }
        const kind = endsAsImage(entry) ? undefined : kindOf(entry);
        if (kind === undefined || kind.use === "read") {
          images.push(full);
          direct ||= folder === path;
        } else if (entry.kind === "link to nowhere") {
          leftOut.add("nowhere", full);
        } else {
          leftOut.add(kind.use === "convert" ? "kind" : "other", full, kind.name);
        }
      }
      // Of a folder and links to it, the first by name counts, in whatever order the system lists them.
      for (const one of inner.sort(([a], [b]) => a < b ? -1 : 1)) waiting.push(one);
    }
    // Training makes `runs`, and leaves it empty if it then refuses to start.
    const empty = seen.size === 1 && names.length === 0 && basename(path) === "runs";
    return {
      images: sorted(images),
      folders: folders.sort(),
      direct,
      leftOut,
      real: top,
      ownOutput: images.length === 0 && (runs > 0 || empty),
    };
  }

  /** What is in a folder, and where its links lead. */
  async *#entries(
    path: string,
    real: string,
    names: readonly Deno.DirEntry[] = readFolder(path),
  ): AsyncGenerator<Entry> {
    for (const { name, isFile, isDirectory, isSymlink } of names) {
      const own = pathOf(real, name);
      this.#files++;
      if (name === PREVIEW && isFile && isPreview(own)) continue;
      if (isSymlink) {
        const target = targetOf(own);
        if (target) await this.#policy.check(pathOf(path, name), target.real);
        yield { name, real: own, kind: "link to nowhere", ...target };
      } else {
        yield {
          name,
          real: own,
          kind: isDirectory ? "folder" : isFile ? "file" : "pipe or device",
        };
      }
      if (performance.now() - this.#paused > PAUSE_EVERY_MS) await this.#pause();
    }
  }

  /** Lets others have their turn, and reports how far the listing is. */
  async #pause(): Promise<void> {
    if (performance.now() - this.#reported > PROGRESS_EVERY_MS) {
      this.#reported = performance.now();
      this.#progress(`listing images: ${withThousands(this.#files)} files so far`);
    }
    await new Promise((resolve) => setTimeout(resolve));
    this.#paused = performance.now();
  }
}

/**
 * All images below a folder, and what else is there.
 *
 * @throws {DataError} when a folder cannot be read, or a link leads outside the path scope
 */
export async function listImages(
  path: string,
  options: ListOptions = {},
): Promise<{ images: readonly string[]; leftOut: LeftOut }> {
  return await new FolderLister(options).images(path);
}

/** A name in a folder. Not `join`, which takes a second for a million files. */
function pathOf(folder: string, name: string): string {
  return folder.endsWith(sep) ? folder + name : folder + sep + name;
}

/** Paths in the order of code units, as if all were written with slashes and in Unicode's composed form. */
function sorted(paths: string[]): string[] {
  const keyOf = (path: string) => (sep === "/" ? path : path.replaceAll(sep, "/")).normalize("NFC");
  if (paths.every((path) => keyOf(path) === path)) return paths.sort();
  const keys = new Map(paths.map((path) => [path, keyOf(path)]));
  return paths.sort((a, b) => keys.get(a)! < keys.get(b)! ? -1 : 1);
}

/** Whether an entry is an image by its name. */
function endsAsImage({ name, kind }: Entry): boolean {
  return kind === "file" && ENDINGS.test(name);
}

/** Whether an entry is an image that can be read, also by its first bytes if `look` allows a look. */
function isImage(entry: Entry, look: () => boolean): boolean {
  return endsAsImage(entry) || entry.kind === "file" && look() && kindOf(entry).use === "read";
}

/** What a file is, by its first bytes. */
function kindOf({ real, kind }: Entry): ReturnType<typeof imageKindOf> {
  if (kind !== "file") return { use: "none", name: kind };
  try {
    return imageKindOf(headOf(real));
  } catch {
    return { use: "none", name: "not readable" };
  }
}

function isPreview(path: string): boolean {
  try {
    return isOwnPng(headOf(path));
  } catch {
    return false; // Decoding says what is wrong with it.
  }
}

/** The first bytes of a file. */
function headOf(path: string): Uint8Array {
  using file = Deno.openSync(path);
  const head = new Uint8Array(KIND_BYTES);
  return head.subarray(0, file.readSync(head) ?? 0);
}

/** Whether a folder is the folder of a run: what is in it tells, not its name. */
function isRun(entries: readonly Deno.DirEntry[]): boolean {
  const has = (file: string) => entries.some(({ name }) => name === file);
  if (!has("checkpoints") && !has("metrics.jsonl")) return false;
  // A run that has not begun has nothing else.
  return has("recipe.yaml") || entries.length === 1;
}

/** What is in a folder, but for hidden files and those of systems. */
function readFolder(path: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(path)]
      .filter(({ name }) => !name.startsWith(".") && !SYSTEM.has(name.toLowerCase()));
  } catch (error) {
    throw cannotRead(path, error);
  }
}

function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    throw cannotRead(path, error);
  }
}

/** Where a link leads, and what is there; `undefined` if nothing is. */
function targetOf(path: string): Pick<Entry, "kind" | "real"> | undefined {
  try {
    const real = Deno.realPathSync(path), { isFile, isDirectory } = Deno.lstatSync(real);
    return { real, kind: isDirectory ? "folder" : isFile ? "file" : "pipe or device" };
  } catch (error) {
    // A link to itself, or through a file, leads nowhere either.
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined;
    throw cannotRead(path, error);
  }
}
