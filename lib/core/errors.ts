/**
 * The errors that a person may see. A message says where, what was expected and given (for a value)
 * or what happened and why (for an event), and what to do. The command line prints the message alone
 * and exits with `exitCode`. Any other error is a defect of qtrain, and is shown with its stack.
 *
 * @module
 */

import { printable } from "./text.ts";

/** Base class of every error whose message is meant for a person. */
export abstract class QtrainError extends Error {
  /** Exit code of the process. 1: the run failed; 2: wrong usage, recipe or data. */
  abstract readonly exitCode: number;
  /** Escapes control characters, because a message may quote a file. */
  constructor(message?: string, options?: ErrorOptions) {
    super(message === undefined ? message : printable(message), options);
  }
  /** Name of the class. */
  override get name(): string {
    return this.constructor.name;
  }
}

/** Wrong command line or wrong use of the library. */
export class UsageError extends QtrainError {
  /** Exit code of the process. */
  readonly exitCode = 2;
}

/** A recipe that cannot be read or does not fit; the message opens with `file:line:col: path:`. */
export class RecipeError extends QtrainError {
  /** Exit code of the process. */
  readonly exitCode = 2;
}

/** A network whose shapes do not fit; thrown before any work on the GPU. */
export class ModelError extends QtrainError {
  /** Exit code of the process. */
  readonly exitCode = 2;
}

/** Data that is missing, damaged or does not fit the recipe; the message names file and offset. */
export class DataError extends QtrainError {
  /** Exit code of the process. */
  readonly exitCode = 2;
}

/** The system failed at what was asked of it: the disk is full or broken, too many files are open. */
export class SystemError extends QtrainError {
  /** Exit code of the process. */
  readonly exitCode = 1;
}

/** No adapter, a limit exceeded, a kernel that the driver refuses, or wrong results. */
export class DeviceError extends QtrainError {
  /** Exit code of the process. */
  readonly exitCode = 1;
}

/** The adapter was lost (its driver was reset, or it was unplugged). Opening it again may help. */
export class DeviceLostError extends DeviceError {
  /** The driver's message. */
  readonly reason: string;

  /** Creates the error with the driver's message. */
  constructor(message: string, reason: string) {
    super(message);
    this.reason = reason;
  }
}

/** The device has not enough memory for a program's buffers. */
export class DeviceMemoryError extends DeviceError {
  /** Bytes that the device could allocate of what was needed; absent if unknown. */
  readonly available: number | undefined;
  /** Maximum bytes of one buffer, if a buffer exceeded that. */
  readonly largest: number | undefined;

  /** Creates the error with what is known of the device's memory. */
  constructor(message: string, available?: number, largest?: number) {
    super(message);
    this.available = available;
    this.largest = largest;
  }
}
