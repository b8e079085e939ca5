/**
 * Which files a recipe may read. Paths within its scope must really be in its folder, links included.
 * Anything in `QTRAIN_DATA` may be read (links there are the user's own), and any path given on the
 * command line. A run's own recipe may lead to the files that the manifest of the run records, with the
 * same names and contents, wherever they are now, and to no others.
 *
 * @module
 */
import { basename, join, relative, resolve, sep } from "node:path";
import { DataError } from "../../core/errors.ts";
import { shellWord } from "../../core/text.ts";
import type { PathField, PathScope } from "../../recipe/path_scope.ts";
import { cannotRead, stat } from "./stat.ts";
import { changesSinceRecord, readManifest, type RecordedFiles } from "./data_manifest.ts";
import { type DataFiles, dataFiles, sample } from "./file_fingerprint.ts";

/** Checks paths before they are read. */
export interface PathPolicy {
  /**
   * Checks a path before it is read.
   *
   * @param real the path without links, where it is known
   * @throws {DataError} when it is a link that leads outside the scope
   */
  check(path: string, real?: string): Promise<void>;
  /**
   * Checks the files of a data set before they are read.
   *
   * @param root where `data.root` led
   * @param paths all files
   * @throws {DataError} when one leads outside the scope, or differs from the manifest of its run
   */
  checkFiles(root: string, paths: readonly string[]): Promise<DataFiles>;
}

/** Everything may be read. */
export const READ_ANYTHING: PathPolicy = {
  check: () => Promise.resolve(),
  checkFiles: dataFiles,
};

/** Some files of a data set may have been deleted, but hardly so many that are spread over it. */
const MAX_LOOKS = 20;

/** A place that a path of a recipe may stand for. */
interface Place {
  readonly path: string;
  /** Absent if nothing there may be read. */
  readonly policy: PathPolicy | undefined;
  /**
   * Set if it is where a run found its files, and none of them is there now: a run that was moved alone
   * would lead to a folder that has nothing to do with it.
   */
  readonly other?: boolean;
}

/** Whether a path is a folder or below it, by its text. */
function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && resolve(way) !== way);
}

/** `QTRAIN_DATA`; undefined when it is not set, empty, or not allowed to be read. */
function qtrainData(): string | undefined {
  try {
    return Deno.env.get("QTRAIN_DATA") || undefined;
  } catch {
    return undefined;
  }
}

/**
 * The places that a path of a recipe may stand for, likeliest first: where the run that it belongs to
 * found it, relative to the run's folder or not; where it leads from the recipe; what has its name in
 * `QTRAIN_DATA`.
 *
 * @param field of the recipe
 */
export async function placesOf(
  field: PathField,
  path: string,
  scope: PathScope,
): Promise<readonly Place[]> {
  const shared = field === "data.root" ? qtrainData() : undefined;
  const places = [
    ...scope.placesOf(field, path).map((place): Place => ({
      path: place,
      policy: ownPolicy(field, place, scope),
    })),
    ...shared === undefined ? [] : [{ path: join(shared, basename(path)), policy: READ_ANYTHING }],
  ];
  const { run } = scope;
  const record = run === undefined || scope.isOverridden(field)
    ? undefined
    : (await readManifest(run))[field];
  if (run === undefined || !record) return places;
  const same = record.written === path;
  if (!same && !scope.resumes) return places; // The record of another recipe's run.
  const recorded: Place[] = [];
  for (const place of [resolve(run, record.relative), record.path]) {
    const policy = ownPolicy(field, place, scope) ?? recordedFiles(field, place, record);
    recorded.push({
      path: place,
      policy,
      ...(await holdsSome(place, record) ? {} : { other: true }),
    });
  }
  // The run's own recipe was written for another folder: its paths lead nowhere from here.
  return [...recorded, ...scope.resumes ? places : places.slice(1)];
}

/** Whether one of some recorded files is at a place. */
async function holdsSome(place: string, { files }: RecordedFiles): Promise<boolean> {
  for (const { name } of sample(files, MAX_LOOKS)) {
    // A name may have come from a system that writes it in Unicode's other form.
    for (const form of ["NFC", "NFD"]) {
      if (await stat(join(place, name.normalize(form)))) return true;
    }
  }
  return false;
}

/** The policy of a path without a run's record; `undefined` if nothing there may be read. */
function ownPolicy(field: PathField, path: string, scope: PathScope): PathPolicy | undefined {
  const folder = scope.folderOf(field), shared = qtrainData();
  if (folder === undefined) return READ_ANYTHING;
  if (shared !== undefined && isBelow(path, resolve(shared))) return READ_ANYTHING;
  return isBelow(path, resolve(folder)) ? inside(field, path, folder) : undefined;
}

/** The error for a path that no policy allows to read. */
export function outsideScope(field: PathField, path: string, scope: PathScope): DataError {
  return new DataError(
    `${field}: cannot read ${path}: it is outside the recipe's folder (${
      scope.folderOf(field)
    }) and QTRAIN_DATA. To allow it, give ${shellWord(`${field}=${path}`)} on the command line, ` +
      `or pathScope: UNRESTRICTED in a program`,
  );
}

function inside(field: string, root: string, folder: string): PathPolicy {
  let real: Promise<string | undefined> | undefined;
  const check = async (path: string, known?: string) => {
    const allowed = await (real ??= realPath(resolve(folder))) ?? resolve(folder);
    const target = known ?? await realPath(path);
    // Neither has links or dots in it. `isBelow` takes 3 µs, and a folder may have a million links.
    if (target === undefined || target.startsWith(allowed + sep)) return;
    if (isBelow(target, allowed)) return;
    throw new DataError(
      `cannot read ${path}: it is a link to ${target}, outside the recipe's folder (${allowed}). ` +
        `To allow it, give ${shellWord(`${field}=${root}`)} on the command line`,
    );
  };
  return {
    check,
    async checkFiles(root, paths) {
      const files = await dataFiles(root, paths);
      for (const { path } of files.fingerprints) await check(path);
      return files;
    },
  };
}

/** Allows exactly the files that the manifest of a run records. */
function recordedFiles(field: PathField, place: string, record: RecordedFiles): PathPolicy {
  return {
    check: () => Promise.resolve(),
    async checkFiles(root, paths) {
      const files = await dataFiles(root, paths);
      const { different: [change] } = await changesSinceRecord(record, files);
      if (change === undefined) return files;
      throw new DataError(
        `${field}: the files in ${root} changed since the run began: ${change}. To use them as ` +
          `they are, give ${shellWord(`${field}=${place}`)} on the command line`,
      );
    },
  };
}

/** A path without links; `undefined` if nothing is there. */
async function realPath(path: string): Promise<string | undefined> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw cannotRead(path, error);
  }
}
