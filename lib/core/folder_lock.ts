/**
 * The lock of a run's folder, so that one run at a time writes it: an advisory lock on an empty file in
 * it (`flock`, `LockFileEx` on Windows). The system releases it when the process ends, however that
 * happens, so a kill leaves nothing to clean up. It needs no permission but those for the folder.
 *
 * Not promised: anything on file systems without locks (some network file systems). A run there
 * goes on without one.
 *
 * @module
 */
import { UsageError } from "./errors.ts";
import { fileError } from "./files.ts";

const NAME = ".lock";
/**
 * Attempts to lock, and milliseconds between them: {@linkcode isLocked} holds a lock for a moment, which is no
 * reason to refuse a run.
 */
const ATTEMPTS = 5, PAUSE_MS = 20;

/** A lock that is held until it is disposed. */
interface RunLock extends Disposable {
  /** Deletes the lock's file, for a folder that got no run. */
  remove(): Promise<void>;
}

/**
 * Locks a folder.
 *
 * @throws UsageError when another run has locked it, in this process or another, or it is not writable
 */
export async function lockFolder(folder: string): Promise<RunLock> {
  const path = `${folder}/${NAME}`;
  for (let attempt = 1;; attempt++) {
    let file: Deno.FsFile;
    try {
      file = await Deno.open(path, { read: true, write: true, create: true });
    } catch (error) {
      throw fileError(error, "write", path);
    }
    let free = true;
    try {
      free = await file.tryLock(true);
    } catch {
      // The file system has no locks.
    }
    if (!free) {
      file.close();
      if (attempt < ATTEMPTS) {
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        continue;
      }
      throw new UsageError(
        `${folder}: another run is writing this folder. Wait for its end or stop it, or choose ` +
          "another --out",
      );
    }
    if (await isAt(file, path)) return new Lock(file, path);
    // The previous owner has deleted the file, and another process may have created a new one.
    file.close();
  }
}

/** Whether a run has locked a folder. False where the file system has no locks. */
export async function isLocked(folder: string): Promise<boolean> {
  try {
    using file = await Deno.open(`${folder}/${NAME}`, { read: true });
    return !await file.tryLock(false);
  } catch {
    return false;
  }
}

class Lock implements RunLock {
  constructor(readonly file: Deno.FsFile, readonly path: string) {}

  async remove(): Promise<void> {
    // The lock is still held: whoever has opened the file finds it deleted and creates another.
    await Deno.remove(this.path).catch(() => {});
  }

  [Symbol.dispose](): void {
    this.file.close();
  }
}

/** Whether an open file is the one at a path. */
async function isAt(file: Deno.FsFile, path: string): Promise<boolean> {
  const [open, named] = [await file.stat(), await Deno.stat(path).catch(() => undefined)];
  return named !== undefined && named.ino === open.ino && named.dev === open.dev;
}
