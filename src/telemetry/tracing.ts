import type { Observable, Subscription } from 'rxjs';
import { Recent } from '../base/recent.ts';
import type { ServerEvent } from '../model/events.ts';
import { endOf, type LabelledEnd } from './ending-labels.ts';

/** Methods of a span of `@opentelemetry/api` that `traceFlows` calls. Times are milliseconds since the epoch. */
export interface SpanLike {
  setAttribute(name: string, value: string): unknown;
  addEvent(name: string, attributes: Record<string, string>, time: number): unknown;
  setStatus(status: { code: number; message: string }): unknown;
  end(time?: number): void;
}

/** Method of a tracer of `@opentelemetry/api` that `traceFlows` calls. */
export interface TracerLike {
  startSpan(name: string, options: { startTime: number; attributes: Record<string, string> }): SpanLike;
}

// `SpanStatusCode.ERROR`; the package that defines it is optional.
const failed = 2;

// In a cluster, one node may see a flow begin and another see it end. Such spans stay open until newer ones evict them.
const minOpenSpans = 10_000;

/**
 * Creates a span for each flow, from its beginning to its end. The span is a child of the span in which `begin` was called,
 * if there is one. No span contains a secret. With more than 10,000 flows pending, spans of the oldest may end early.
 *
 * @returns The subscription. Unsubscribing, or the end of `events`, ends the open spans.
 *
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { traceFlows, tracerIfInstalled } from 'rx-oauth-callback/telemetry';
 *
 * const server = createOAuthCallbackServer();
 * const tracer = await tracerIfInstalled();
 * if (tracer) traceFlows(server, tracer);
 */
export function traceFlows(
  { events }: { readonly events: Observable<ServerEvent> },
  tracer: TracerLike,
): Subscription {
  const spans = new Recent<SpanLike>(minOpenSpans, (span) => span.end());
  const subscription = events.subscribe((event) => {
    if (event.type === 'begun') {
      const { flowId, at } = event;
      const attributes = { 'oauth.flow_id': flowId };
      spans.set(flowId, tracer.startSpan('oauth sign-in', { startTime: at, attributes }));
    } else if (event.type === 'redirect' && event.flowId !== undefined && event.disposition !== 'accepted') {
      spans.get(event.flowId)?.addEvent('redirect', { 'oauth.disposition': event.disposition }, event.at);
    }
    const end = endOf(event);
    const span = end && spans.get(end.flowId);
    if (!span) return;
    spans.delete(end.flowId);
    endSpan(span, end, event.at);
  });
  subscription.add(() => {
    for (const span of spans.values()) span.end();
  });
  return subscription;
}

function endSpan(span: SpanLike, { ending, error }: LabelledEnd, at: number): void {
  span.setAttribute('oauth.ending', ending);
  if (error) span.setAttribute('oauth.error', error);
  if (ending !== 'code') span.setStatus({ code: failed, message: error || ending });
  span.end(at);
}

/**
 * Resolves with the global tracer if `@opentelemetry/api` is installed, and with undefined if it is not. Its spans are
 * dropped until an SDK is registered.
 *
 * @example
 * import { tracerIfInstalled } from 'rx-oauth-callback/telemetry';
 *
 * const tracer = await tracerIfInstalled();
 * if (!tracer) console.error('OpenTelemetry is not installed');
 */
export async function tracerIfInstalled(): Promise<TracerLike | undefined> {
  try {
    const { trace } = await import('@opentelemetry/api');
    return trace.getTracer('rx-oauth-callback');
  } catch {
    return undefined;
  }
}
