/**
 * Where the live view listens.
 *
 * @module
 */
import { UsageError } from "../../core/errors.ts";

/** The address of this machine that it alone reaches. */
export const HOST = "127.0.0.1";
/** The port that is tried first: a page that stays open finds the next server there. */
export const DEFAULT_PORT = 6174;

/** Checks a port that was asked for. @throws UsageError when it is taken or not allowed */
export function expectFreePort(port: number): void {
  try {
    Deno.listen({ hostname: HOST, port }).close();
  } catch (error) {
    throw portError(error, port);
  }
}

/** The error to throw for one that occurred while listening on a port. */
export function portError(error: unknown, port = DEFAULT_PORT): unknown {
  const why = error instanceof Deno.errors.AddrInUse
    ? "another program has this port"
    : error instanceof Deno.errors.PermissionDenied
    ? "the system does not allow it"
    : undefined;
  if (why === undefined) return error;
  return new UsageError(
    `--port ${port}: cannot listen: ${why}. Choose another, as in --port ${DEFAULT_PORT + 1}`,
  );
}
