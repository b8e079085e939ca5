/**
 * One run at a time writes a folder: an advisory lock on an empty file in it (`flock`, `LockFileEx`
 * on Windows). The system takes it back when its owner ends, however that happens, so there is
 * nothing to clear away after a kill. It needs no permission but those for the folder.
 *
 * Not promised: anything where the file system has no locks (some network file systems): there a
 * run goes on without one.
 *
 * @module
 */
import { UsageError } from "../../core/errors.ts";
import { fileError } from "../../core/files.ts";

const NAME = ".lock";

/** A lock that is held until it is disposed of. */
export interface RunLock extends Disposable {
  /** Removes the lock's file, for a folder that got no run. */
  remove(): Promise<void>;
}

/**
 * Takes the lock of a folder.
 *
 * @throws UsageError when another run has it, in this process or another, or the folder is read-only
 */
export async function lockFolder(folder: string): Promise<RunLock> {
  const path = `${folder}/${NAME}`;
  for (;;) {
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
      throw new UsageError(
        `${folder}: expected a folder that no run is writing, found one in progress; ` +
          "wait for its end or stop it, or choose another --out",
      );
    }
    if (await isAt(file, path)) return new Lock(file, path);
    // Who had it before has removed the file, and another may have made a new one.
    file.close();
  }
}

class Lock implements RunLock {
  constructor(readonly file: Deno.FsFile, readonly path: string) {}

  async remove(): Promise<void> {
    // The lock is still held: who opened the file meanwhile finds that it is gone, and makes another.
    await Deno.remove(this.path).catch(() => {});
  }

  [Symbol.dispose](): void {
    this.file.close();
  }
}

/** Whether an open file is the one that a path names. */
async function isAt(file: Deno.FsFile, path: string): Promise<boolean> {
  const [open, named] = [await file.stat(), await Deno.stat(path).catch(() => undefined)];
  return named !== undefined && named.ino === open.ino && named.dev === open.dev;
}
