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

/** A whole number with commas between thousands: `12,345`. */
export function withThousands(n: number): string {
  // Not toLocaleString, which takes 30 ms at its first call to load languages.
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}
