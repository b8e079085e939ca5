/**
 * Formats numbers for the terminal and for reports.
 *
 * @module
 */

/** Text for a number that is unknown or not finite. */
export const UNKNOWN = "–";

/** Formats a size in units of 1024: `512 B`, `1.5 KiB`, `128 MiB`. */
export function bytes(n: number): string {
  if (!Number.isFinite(n)) return UNKNOWN;
  let value = n;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  // 1023.95 would print as 1024.0.
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const text = unit === 0 ? String(Math.round(value)) : value.toFixed(1).replace(/\.0$/, "");
  return `${text} ${units[unit]}`;
}

/** Formats a fraction as percent: `0.844` as `84.4%`. */
export function percent(fraction: number, digits = 1): string {
  return Number.isFinite(fraction) ? `${(fraction * 100).toFixed(digits)}%` : UNKNOWN;
}

/** A loss in nats: `0.4321`, or `4.1e+10` in a run that diverges. */
export function lossText(loss: number): string {
  return Math.abs(loss) < 1e5 ? loss.toFixed(4) : loss.toExponential(1);
}

/** A whole number with commas between thousands: `12,345`. */
export function withThousands(n: number): string {
  // Not toLocaleString, which takes 30 ms at its first call to load languages.
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A time: `400ms`, `4.2s`, `38s`, `1m 20s`, `1h 02m`, `2d 3h`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return UNKNOWN;
  const ms = Math.round(seconds * 1000);
  if (ms > 0 && ms < 1000) return `${ms}ms`;
  // Rounded first: 59.6 s is 1m 00s, never 60s.
  const tenths = Math.round(seconds * 10) / 10;
  if (tenths < 10) return `${tenths}s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  const minutes = Math.round(s / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
  const hours = Math.round(s / 3600);
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** A rate with at least three digits: `412`, `38.6`, `4.26`. */
export function rate(value: number): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}
