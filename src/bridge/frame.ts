// What a server sends is not masked, and all of a message goes in one frame.
const wholeText = 0x81;

/**
 * A text message as the bytes that go over the wire: made once for all who get it, and taken by the operating system in one
 * piece.
 *
 * @see RFC 6455 section 5.2
 */
export function frameOf(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = wholeText;
  if (start === 2) frame[1] = length;
  else if (start === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, start);
  return frame;
}
