/** `npm run chaos -- event-stream`: streams that are cut at random bytes, and a service that restarts. */
import { equal, ok } from '../../helpers/assert.ts';
import { chaosCount, chaosDeadline } from '../../helpers/chaos.ts';
import { EventSource } from '../../helpers/event-source.ts';
import {
  BrokenService,
  headersOf,
  hear,
  inLanes,
  newFate,
  reckoningOf,
  seed,
  turn,
  type Fate,
} from '../../helpers/plain-chaos.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('streams over a broken network');
const count = chaosCount(10_000);
const streams = 10;

/** Reads the stream of a key, again after each break, until it is told to end. */
class Reader {
  readonly #service: BrokenService;
  readonly #key: string;
  readonly #onResult: (flowId: string, code: string | undefined) => void;
  #source: EventSource | undefined;
  #ended = false;
  breaks = 0;
  /** Ids of events, by flow. A flow has one. */
  readonly ids = new Map<string, Set<string>>();

  constructor(
    service: BrokenService,
    key: string,
    onResult: (flowId: string, code: string | undefined) => void,
  ) {
    this.#service = service;
    this.#key = key;
    this.#onResult = onResult;
  }

  async run(): Promise<void> {
    let lastId = '';
    while (!this.#ended) {
      const headers = headersOf({ state: '', key: this.#key });
      delete headers['Flow-State'];
      this.#source = new EventSource(`http://127.0.0.1:${this.#service.port}/bridge/flows`, headers, lastId);
      this.#source.onEvent = ({ type, id, data: { flowId = '', result } }) => {
        if (type !== 'result') return;
        this.ids.set(flowId, (this.ids.get(flowId) ?? new Set()).add(id));
        this.#onResult(flowId, result?.response?.code);
      };
      await this.#source.over;
      ({ lastId } = this.#source);
      this.breaks++;
      await turn();
    }
  }

  end(): void {
    this.#ended = true;
    this.#source?.[Symbol.dispose]();
  }
}

test(
  `lose none of ${count.toLocaleString('en')} flows and double none (CHAOS_SEED=${seed})`,
  async () => {
    await using service = await BrokenService.open();
    const keys = Array.from({ length: streams }, () => newState());
    const fates = Array.from({ length: count }, (_, n) => newFate(n, keys[n % streams]));
    const byId = new Map<string, Fate>();
    // A result may overtake the answer that names its flow.
    const early = new Map<string, (string | undefined)[]>();
    const arrived = new Map<string, () => void>();
    const readers = keys.map(
      (key) =>
        new Reader(service, key, (flowId, code) => {
          const fate = byId.get(flowId);
          if (fate) hear(fate, code);
          else early.set(flowId, [...(early.get(flowId) ?? []), code]);
          arrived.get(flowId)?.();
        }),
    );
    const reading = readers.map((reader) => reader.run());
    await inLanes(fates, 48, async (fate, n) => {
      if (n === Math.floor(count / 3) || n === Math.floor(count / 1.5)) await service.restart();
      await service.begin(fate);
      const { flowId = '' } = fate;
      byId.set(flowId, fate);
      for (const code of early.get(flowId) ?? []) hear(fate, code);
      const first = new Promise<void>((resolve) => arrived.set(flowId, resolve));
      await service.signIn(fate);
      if (fate.heard.length === 0) await first;
      await service.drop(fate);
    });
    for (const reader of readers) reader.end();
    await Promise.all(reading);
    const { again, ...bad } = reckoningOf(fates);
    const breaks = readers.reduce((sum, reader) => sum + reader.breaks, 0);
    console.log(
      `  ${count} flows, ${breaks} breaks of streams, ${service.proxy.counts.cut} cuts, ${again} again`,
    );
    // An answer to a DELETE may overtake an event that was on its way on another connection.
    equal({ ...bad, doubled: 0 }, { lost: 0, foreign: 0, doubled: 0 });
    const numbers = readers.flatMap(({ ids }) => [...ids.values()].filter(({ size }) => size !== 1));
    equal(numbers.length, 0, 'flows with two numbers');
    ok(breaks > streams, 'the network is broken');
  },
  { deadline: chaosDeadline(60_000) },
);

test.run();
