import { HotStream } from '../base/hot-stream.ts';
import type { ServerEvent } from '../model/events.ts';

/** Events of a tenant. Each names the tenant, and is an event of the server that the tenant is inside of, too. */
export class TenantEvents extends HotStream<ServerEvent> {
  readonly #tenant: string;
  readonly #outer: HotStream<ServerEvent>;

  constructor(tenant: string, outer: HotStream<ServerEvent>) {
    super();
    this.#tenant = tenant;
    this.#outer = outer;
  }

  override get observed(): boolean {
    return super.observed || this.#outer.observed;
  }

  override next(event: ServerEvent): void {
    if (!this.observed) return;
    const named = { ...event, tenant: this.#tenant };
    super.next(named);
    this.#outer.next(named);
  }
}
