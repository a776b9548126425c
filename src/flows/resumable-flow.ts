import type { Flow } from '../model/flow.ts';
import { FlowHandle } from './flow-handle.ts';

/** A flow that another process can take up: it is kept at a service, or in a store. */
export interface ResumableFlow extends Flow {
  /**
   * Returns the flow as a text for `host.resume()` of another process, for example after a crash of this one.
   *
   * The text has all secrets of the flow: who has it can receive the response and exchange the code. Keep it as safe as a token.
   *
   * @example
   * import { writeFile } from 'node:fs/promises';
   * import { connectCallbackHost } from 'rx-oauth-callback/client';
   *
   * async function begin(token: string) {
   *   const host = await connectCallbackHost('wss://callbacks.example/bridge', { token });
   *   const flow = await host.begin();
   *   await writeFile('flow.secret', flow.toResumable(), { mode: 0o600 });
   *   return flow.authorizationUrl('https://as.example/authorize', { client_id: 'job' });
   * }
   */
  toResumable(): string;
}

/** A flow that another process can take up, as programs get it. */
export class ResumableHandle extends FlowHandle implements ResumableFlow {
  readonly #flow: ResumableFlow;

  constructor(flow: ResumableFlow) {
    super(flow);
    this.#flow = flow;
  }

  toResumable(): string {
    return this.#flow.toResumable();
  }
}
