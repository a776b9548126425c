import type { Observable, Subscription } from 'rxjs';
import type { ServerEvent } from '../events.ts';
import { endingOf } from './endings.ts';
import { OpenFlows } from './open-flows.ts';

/** As much as is needed of a span of `@opentelemetry/api`. Times are milliseconds since the epoch. */
export interface SpanLike {
  setAttribute(name: string, value: string): unknown;
  addEvent(name: string, attributes: Record<string, string>, time: number): unknown;
  setStatus(status: { code: number; message: string }): unknown;
  end(time?: number): void;
}

/** As much as is needed of a tracer of `@opentelemetry/api`. */
export interface TracerLike {
  startSpan(name: string, options: { startTime: number; attributes: Record<string, string> }): SpanLike;
}

// SpanStatusCode.ERROR, of a package that may not be there.
const failed = 2;

/**
 * Makes a span of each flow, from its beginning to its ending: a child of the span in which `begin` was called, if any.
 * No span holds a secret. Ends when `events` completes, or by unsubscribing.
 */
export function traceFlows(
  { events }: { readonly events: Observable<ServerEvent> },
  tracer: TracerLike,
): Subscription {
  const spans = new OpenFlows<SpanLike>((span) => span.end());
  const subscription = events.subscribe((event) => {
    if (event.type === 'begun') {
      const { flow, at, expiresAt } = event;
      const attributes = { 'oauth.flow': flow };
      spans.begin(flow, tracer.startSpan('oauth sign-in', { startTime: at, attributes }), at, expiresAt);
    } else if (event.type === 'redirect' && event.flow !== undefined && event.disposition !== 'accepted') {
      spans.peek(event.flow)?.addEvent('redirect', { 'oauth.disposition': event.disposition }, event.at);
    }
    const end = endingOf(event);
    const span = end && spans.end(end.flow);
    if (!span) return;
    span.setAttribute('oauth.ending', end.ending);
    if (end.error) span.setAttribute('oauth.error', end.error);
    if (end.ending !== 'code') span.setStatus({ code: failed, message: end.error || end.ending });
    span.end(event.at);
  });
  subscription.add(() => spans.clear());
  return subscription;
}

/** The tracer of whoever has `@opentelemetry/api` installed; its spans go nowhere until an SDK is registered. */
export async function tracerIfInstalled(): Promise<TracerLike | undefined> {
  try {
    const { trace } = await import('@opentelemetry/api');
    return trace.getTracer('rx-oauth-callback');
  } catch {
    return undefined;
  }
}
