/** A minimal WebSocket client, because 5,000 of them must cost less than the service. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const text = 1;
const close = 8;
const ping = 9;
const pong = 10;

export class RawWebSocket {
  readonly #socket: Socket;
  #rest: Buffer | undefined;
  onText: (payload: Buffer) => void = () => undefined;
  onClose: (code: number) => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => this.#read(chunk));
    // The peer sent no close frame.
    socket.on('close', () => this.onClose(1006));
  }

  static async open(port: number, token: string): Promise<RawWebSocket> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const lines = [
      'GET /bridge HTTP/1.1',
      `Host: 127.0.0.1:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      'Sec-WebSocket-Protocol: rx-oauth-callback.v1',
      `Authorization: Bearer ${token}`,
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    let head = Buffer.alloc(0);
    let end = -1;
    while (end < 0) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      head = Buffer.concat([head, chunk]);
      end = head.indexOf('\r\n\r\n');
    }
    if (head.toString('latin1', 9, 12) !== '101') throw new Error(`answered ${head.toString('latin1')}`);
    // Bytes that came with the head are read again once there is a listener.
    socket.pause();
    if (head.length > end + 4) socket.unshift(head.subarray(end + 4));
    return new RawWebSocket(socket);
  }

  /** Sends a message of at most 125 bytes, masked with zeros. */
  say(message: object): void {
    this.#write(text, Buffer.from(JSON.stringify(message)));
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #write(opcode: number, payload: Buffer): void {
    const head = Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]);
    this.#socket.write(Buffer.concat([head, payload]));
  }

  /** Reads frames of at most 64 KiB that are not fragmented, as both services send them. */
  #read(chunk: Buffer): void {
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    while (at + 4 <= bytes.length) {
      const short = bytes[at + 1]!;
      const start = at + (short === 126 ? 4 : 2);
      const end = start + (short === 126 ? bytes.readUInt16BE(at + 2) : short);
      if (end > bytes.length) break;
      this.#frame(bytes[at]! & 15, bytes.subarray(start, end));
      at = end;
    }
    this.#rest = at < bytes.length ? bytes.subarray(at) : undefined;
  }

  #frame(opcode: number, payload: Buffer): void {
    if (opcode === text) this.onText(payload);
    else if (opcode === ping) this.#write(pong, payload);
    else if (opcode === close) this.onClose(payload.readUInt16BE(0));
  }
}
