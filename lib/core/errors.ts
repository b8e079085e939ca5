/**
 * The errors that a person may meet. Each message says what was expected, what was found, where,
 * and what to do; the command line prints the message alone and exits with `exitCode`. Anything
 * that is not one of these is a defect of qtrain, and only then is a stack trace right.
 *
 * @module
 */

/** Base of every error with a message meant for a person. */
export abstract class QtrainError extends Error {
  /** What the process exits with: 1 the run failed, 2 wrong usage, recipe or data. */
  abstract readonly exitCode: number;
  /** What a file says may be in the message: escapes of a terminal must not be. */
  constructor(message?: string, options?: ErrorOptions) {
    super(message === undefined ? message : printable(message), options);
  }
  /** The class. */
  override get name(): string {
    return this.constructor.name;
  }
}

/** Wrong command line or wrong use of the library. */
export class UsageError extends QtrainError {
  /** What the process exits with. */
  readonly exitCode = 2;
}

/** A recipe that cannot be read or does not fit; the message opens with `file:line:col: path:`. */
export class RecipeError extends QtrainError {
  /** What the process exits with. */
  readonly exitCode = 2;
}

/** A network whose shapes do not fit, found before any work on the GPU. */
export class ModelError extends QtrainError {
  /** What the process exits with. */
  readonly exitCode = 2;
}

/** Data that is missing, damaged or does not fit the recipe; names the file and the offset. */
export class DataError extends QtrainError {
  /** What the process exits with. */
  readonly exitCode = 2;
}

/** No adapter, a lost adapter, a limit exceeded, or a kernel that the driver refuses. */
export class DeviceError extends QtrainError {
  /** What the process exits with. */
  readonly exitCode = 1;
}

/** The adapter is lost: a reset of its driver, a device pulled out. Opened anew it may go on. */
export class DeviceLostError extends DeviceError {
  /** What the driver said of it. */
  readonly reason: string;

  /** With what the driver said. */
  constructor(message: string, reason: string) {
    super(message);
    this.reason = reason;
  }
}

/** The device cannot hold a program's buffers. */
export class DeviceMemoryError extends DeviceError {
  /** Bytes that the device gave when it was asked for all that it refused; absent: unknown. */
  readonly available: number | undefined;
  /** Bytes of the largest buffer that the device makes; absent: that was not the trouble. */
  readonly largest: number | undefined;

  /** With what is known of the device's memory. */
  constructor(message: string, available?: number, largest?: number) {
    super(message);
    this.available = available;
    this.largest = largest;
  }
}

/** A text without characters that control a terminal, which are written as `\\x1b`; lines stay. */
export function printable(text: string): string {
  const escaped = (c: string) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`;
  return text.replace(/\p{Cc}/gu, (c) => c === "\n" || c === "\t" ? c : escaped(c));
}
