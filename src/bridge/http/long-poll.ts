import type { Clock } from '../../base/clock.ts';
import { closeCodes, type ServiceMessage } from '../../wire/protocol.ts';
import type { Ending, Peer } from '../audit.ts';
import type { Identity } from '../credentials.ts';
import { Listener, type ListenerContext } from '../listener.ts';
import type { Exchange } from './exchange.ts';
import { answerClose } from './failures.ts';
import { readWait, type FlowHeaders } from './flow-headers.ts';
import { answerUnknown, resumeOf, type FlowRequests } from './flow-requests.ts';
import { disconnected, type OpenRequest, type OpenRequests } from './open-requests.ts';
import { RequestConnection } from './request-connection.ts';

/** Parts of a bridge that its long polls share. */
export interface LongPollContext extends ListenerContext {
  readonly clock: Clock;
  readonly requests: OpenRequests;
}

/** Answers with the result of a flow as soon as it has ended, or with 204 after a while. */
export async function longPoll(
  exchange: Exchange,
  peer: Peer,
  headers: FlowHeaders,
  flows: FlowRequests,
  context: LongPollContext,
): Promise<void> {
  const flow = await flows.find(headers);
  if (!flow) {
    answerUnknown(exchange);
    return;
  }
  const poll = new LongPoll(exchange, peer, context);
  await poll.resume(flow, headers);
  await poll.over(readWait(exchange));
}

class LongPoll implements OpenRequest {
  readonly peer: Peer;
  readonly identity: Identity;
  readonly address: string;
  readonly #exchange: Exchange;
  readonly #context: LongPollContext;
  readonly #connection: RequestConnection;
  readonly #listener: Listener;
  #ending: Ending = disconnected;
  #onOver = (): void => undefined;

  constructor(exchange: Exchange, peer: Peer, context: LongPollContext) {
    const { identity, address } = peer;
    this.peer = peer;
    this.identity = identity;
    this.address = address;
    this.#exchange = exchange;
    this.#context = context;
    this.#connection = new RequestConnection(peer, {
      onMessage: (message) => this.#onMessage(message),
      onClose: (code) => this.end(code, 'closed'),
    });
    this.#listener = new Listener(this.#connection, context);
  }

  get queued(): number {
    const { response } = this.#exchange;
    return response.destroyed ? 0 : response.writableLength;
  }

  async resume(flow: { readonly id: string }, headers: FlowHeaders): Promise<void> {
    await this.#listener.receive(resumeOf(flow, headers, this.#connection));
  }

  /** Resolves once the request is over: answered, after this many seconds at the latest, or left by its client. */
  async over(seconds: number): Promise<void> {
    const { clock, requests } = this.#context;
    if (seconds === 0) this.#answer(204);
    if (!this.#exchange.over) {
      this.#exchange.wait();
      requests.add(this);
      const over = new Promise<void>((resolve) => {
        this.#onOver = resolve;
        this.#exchange.onOver(resolve);
      });
      const stop = clock.after(seconds * 1_000, () =>
        this.#answer(204, { 'Preference-Applied': `wait=${seconds}` }),
      );
      await over;
      stop();
      requests.remove(this, this.#ending);
    }
    this.#connection.end();
    this.#listener.leave();
  }

  end(code: number, reason: string): void {
    if (this.#ending !== disconnected) return;
    this.#end({ by: 'service', code, reason });
    answerClose(this.#exchange, code);
  }

  drop(reason: string): void {
    if (this.#ending === disconnected) this.#end({ by: 'service', code: closeCodes.overload, reason });
    this.#exchange.cut();
  }

  #onMessage(message: ServiceMessage): void {
    const { flowId = '' } = message as { flowId?: string };
    if (message.type === 'result') this.#answer(200, {}, { flowId, result: message.result });
    else if (message.type === 'failed' || (message.type === 'lost' && message.reason === 'unknown_flow')) {
      this.#end({ by: 'service', code: closeCodes.done, reason: 'unknown flow' });
      answerUnknown(this.#exchange);
    } else if (message.type === 'lost') {
      this.#end({ by: 'service', code: closeCodes.done, reason: 'taken over' });
      const message = 'another request or connection waits for this flow now';
      this.#exchange.fail(409, { code: 'taken_over', message }, { 'Retry-After': '1' });
    }
  }

  #answer(status: number, headers: Readonly<Record<string, string>> = {}, body?: object): void {
    if (this.#ending !== disconnected) return;
    this.#end({ by: 'service', code: closeCodes.done, reason: 'answered' });
    this.#exchange.answer(status, body, headers);
  }

  #end(ending: Ending): void {
    this.#ending = ending;
    this.#onOver();
  }
}
