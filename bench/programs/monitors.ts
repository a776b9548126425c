/** Many WebSocket clients of a service. Some of them do not read. */
import { now } from '../clock.ts';
import { obey } from '../orders.ts';
import { token } from '../service.ts';
import { quantile } from '../statistics.ts';
import { RawWebSocket } from '../websocket.ts';

interface Monitor {
  readonly socket: RawWebSocket;
  /** Number of the next event. */
  next: number;
  closed: number | undefined;
}

const monitors: Monitor[] = [];
const slow: Monitor[] = [];
const numbered = /"n(?:ext)?":(\d+)/;

const orders = {
  /** Opens connections that send nothing. */
  async idle(port: number, count: number): Promise<void> {
    await inTurn(count, async () => {
      const socket = await RawWebSocket.open(port, token);
      monitors.push({ socket, next: 0, closed: undefined });
      socket.resume();
    });
  },

  async watch(port: number, count: number): Promise<void> {
    await inTurn(count, async () => monitors.push(await watching(port)));
  },

  /** Opens connections that ask for the feed and then stop reading. */
  async watchWithoutReading(port: number, count: number): Promise<void> {
    await inTurn(count, async () => {
      const monitor = await watching(port);
      monitor.socket.pause();
      slow.push(monitor);
    });
  },

  /** Resolves with the last event, once all monitors together have received `count` events. */
  receive(count: number): Promise<string> {
    let left = count;
    return new Promise((resolve) => {
      const onText = (payload: Buffer): void => {
        if (--left === 0) resolve(payload.toString());
      };
      for (const { socket } of monitors) socket.onText = onText;
    });
  },

  /** Notes the time at which each of `count` events arrives at each monitor, for `p99`. */
  note(count: number): void {
    arrivals = monitors.map((monitor) => {
      const times = new Float64Array(count);
      const { next } = monitor;
      monitor.socket.onText = (payload) => {
        const n = numberOf(payload);
        if (n === undefined) return;
        times[n - next] = now();
        if (n - next === count - 1) whole();
      };
      return times;
    });
    let left = monitors.length;
    let whole: () => void;
    all = new Promise((resolve) => {
      whole = () => {
        if (--left === 0) resolve();
      };
    });
  },

  /** Returns the 99th percentile of the delays in µs, given the times at which the events were sent. */
  async p99(sent: Float64Array): Promise<number> {
    await all;
    const delays = new Float64Array(sent.length * arrivals.length);
    for (const [index, times] of arrivals.entries())
      delays.set(
        times.map((time, event) => time - sent[event]!),
        index * sent.length,
      );
    return quantile(delays, 0.99);
  },

  /** Lets the slow monitors read. Returns how many were closed with 1013, and how many of them could resume. */
  async recover(port: number): Promise<{ closed: number; resumed: number }> {
    const codes = await Promise.all(slow.map((monitor) => untilClosed(monitor)));
    const resumed = await Promise.all(
      slow.map(async ({ next }) => {
        const again = await watching(port, next);
        again.socket.destroy();
        return again.next >= next;
      }),
    );
    return { closed: codes.filter((code) => code === 1013).length, resumed: resumed.filter(Boolean).length };
  },
};

let arrivals: Float64Array[] = [];
let all: Promise<void> = Promise.resolve();

export type Monitors = typeof orders;

async function watching(port: number, since?: number): Promise<Monitor> {
  const socket = await RawWebSocket.open(port, token);
  const monitor: Monitor = { socket, next: 0, closed: undefined };
  const told = new Promise<void>((resolve) => {
    socket.onText = (payload) => {
      const message = JSON.parse(payload.toString()) as { type: string; next: number };
      if (message.type === 'welcome') socket.say({ type: 'watch', since });
      if (message.type !== 'watching') return;
      monitor.next = message.next;
      resolve();
    };
  });
  socket.resume();
  await told;
  socket.onText = () => undefined;
  return monitor;
}

function untilClosed(monitor: Monitor): Promise<number> {
  const { socket } = monitor;
  return new Promise((resolve) => {
    socket.onText = (payload) => {
      const n = numberOf(payload);
      if (n !== undefined) monitor.next = n + 1;
    };
    socket.onClose = resolve;
    socket.resume();
  });
}

/** Returns the number of an event, or `undefined` for another message, such as the number of pending flows. */
function numberOf(payload: Buffer): number | undefined {
  const [, n] = numbered.exec(payload.toString('latin1', 0, 40)) ?? [];
  return n === undefined ? undefined : Number(n);
}

/** Opens connections, 100 at a time. */
async function inTurn(count: number, connect: () => Promise<unknown>): Promise<void> {
  for (let left = count; left > 0; left -= 100)
    await Promise.all(Array.from({ length: Math.min(100, left) }, connect));
}

obey(orders);
