/**
 * Reads the orientation from EXIF. A damaged block counts as missing, because cameras and editors
 * write many damaged ones.
 *
 * @module
 */

/**
 * Returns the orientation in the TIFF block of EXIF.
 *
 * @param block the block from its byte order on, after "Exif\0\0"
 * @returns 1 to 8; 1 (as stored) when there is none
 */
export function exifOrientation(block: Uint8Array): number {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  if (block.length < 14) return 1;
  const order = view.getUint16(0);
  const little = order === 0x4949;
  if (!little && order !== 0x4d4d) return 1;
  const first = view.getUint32(4, little);
  if (first + 2 > block.length) return 1;
  const entries = view.getUint16(first, little);
  for (let entry = 0; entry < entries; entry++) {
    const at = first + 2 + entry * 12;
    if (at + 12 > block.length) return 1;
    if (view.getUint16(at, little) !== 0x0112) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}
