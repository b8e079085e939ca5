/**
 * Records of a TFRecord file, the frame of TensorBoard's event files: the length as u64, its checksum,
 * the bytes, their checksum, all little-endian. A checksum is a CRC-32C (Castagnoli), rotated right by
 * 15 bits and added to a constant, as a CRC of data that hold CRCs is weak.
 *
 * @module
 */

/** The CRC of each byte: the polynomial 0x1edc6f41, its bits reversed. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  return crc;
});
const MASK = 0xa282ead8;
/** Bytes around the data: length, two checksums. */
const FRAME = 16;

/** Frames the bytes of one record. */
export function frame(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(FRAME + data.length), view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return record;
}

function maskedCrc(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 255]!;
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + MASK) >>> 0;
}
