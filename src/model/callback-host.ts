import type { Observable } from 'rxjs';
import type { ServerEvent } from './events.ts';
import type { BeginOptions, Flow } from './flow.ts';

/** Host of sign-ins: a callback server of this process, or a client of a service in another one. */
export interface CallbackHost {
  /** URL to which authorization servers must send the browser. */
  readonly redirectUri: string;
  /** Events of all flows, without secrets. Never errors; completes when the host closes. */
  readonly events: Observable<ServerEvent>;
  /** Begins a sign-in. Resolves once the state is registered; open the browser only then. */
  begin(options?: BeginOptions): Promise<Flow>;
  /** Ends every pending flow with `ServerClosedError`. May be called repeatedly. */
  close(): Promise<void>;
}
