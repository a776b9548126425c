/** Spans, by the SDK that a user would have. */
import { context, ROOT_CONTEXT, trace, type Context, type ContextManager } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { Subject } from 'rxjs';
import type { OAuthCallbackServer, ServerEvent } from '../../../src/index.ts';
import { traceFlows, tracerIfInstalled } from '../../../src/telemetry.ts';
import * as assert from '../../helpers/assert.ts';
import { withServer } from '../../helpers/endpoint.ts';
import { suite } from '../../helpers/suite.ts';

/** As much of one as a synchronous call needs. */
class Nested implements ContextManager {
  #active: Context = ROOT_CONTEXT;
  active = (): Context => this.#active;
  with: ContextManager['with'] = (inner, run, self, ...args) => {
    const outer = this.#active;
    this.#active = inner;
    try {
      return run.apply(self as ThisParameterType<typeof run>, args);
    } finally {
      this.#active = outer;
    }
  };
  bind = <T>(_context: Context, target: T): T => target;
  enable = (): this => this;
  disable = (): this => this;
}

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
trace.setGlobalTracerProvider(provider);
context.setGlobalContextManager(new Nested());

/** The spans of what happens meanwhile, by the flow. */
async function spansOf(
  body: (server: OAuthCallbackServer, visit: (target: string) => Promise<unknown>) => Promise<void>,
): Promise<ReadableSpan[]> {
  exporter.reset();
  const tracer = await tracerIfInstalled();
  assert.ok(tracer);
  await withServer({}, async ({ server, visit }) => {
    traceFlows(server, tracer);
    await body(server, visit);
  });
  return exporter.getFinishedSpans();
}

const test = suite('tracing');

test('makes a span of each flow, with its ending', async () => {
  const spans = await spansOf(async (server, visit) => {
    const [coded, denied, odd, cancelled] = await Promise.all([1, 2, 3, 4].map(() => server.begin()));
    await visit(`/callback?code=a&state=${coded!.state}`);
    await visit(`/callback?error=access_denied&state=${denied!.state}`);
    await visit(`/callback?error=made_up&state=${odd!.state}`);
    cancelled!.cancel();
    await server.begin();
  });
  assert.equal(
    spans.map(({ name, attributes, status }) => [
      name,
      attributes['oauth.flow_id'],
      attributes['oauth.ending'],
      attributes['oauth.error'],
      status.code,
      status.message,
    ]),
    [
      ['oauth sign-in', '1', 'code', undefined, 0, undefined],
      ['oauth sign-in', '2', 'error', 'access_denied', 2, 'access_denied'],
      ['oauth sign-in', '3', 'error', 'other', 2, 'other'],
      ['oauth sign-in', '4', 'cancelled', undefined, 2, 'cancelled'],
      ['oauth sign-in', '5', 'closed', undefined, 2, 'closed'],
    ],
  );
});

test('records the redirects that were rejected meanwhile, and no secret', async () => {
  const canary = 'canary-code-of-nobody';
  let secrets: string[] = [];
  const [span] = await spansOf(async (server, visit) => {
    const flow = await server.begin({ issuer: 'https://as.example' });
    secrets = [flow.state, flow.codeVerifier, canary];
    await visit(`/callback?code=${canary}&state=${flow.state}&iss=https://evil.example`);
    await visit(`/callback?code=${canary}&state=${flow.state}&iss=https://as.example`);
    await visit(`/callback?code=${canary}&state=${flow.state}`);
  });
  assert.equal(
    span?.events.map(({ name, attributes }) => [name, attributes?.['oauth.disposition']]),
    [['redirect', 'wrong_issuer']],
  );
  const { attributes, events, name, status, links, resource } = span!;
  const told = JSON.stringify([attributes, events, name, status, links, resource.attributes]);
  assert.equal(
    secrets.filter((secret) => told.includes(secret)),
    [],
  );
});

test('is a child of the span that begins the flow', async () => {
  const tracer = provider.getTracer('a program');
  const spans = await spansOf((server) =>
    tracer.startActiveSpan('sync my files', async (parent) => {
      const flow = await server.begin();
      flow.cancel();
      parent.end();
    }),
  );
  const [signIn, parent] = spans;
  assert.is(parent?.name, 'sync my files');
  assert.is(signIn?.parentSpanContext?.spanId, parent?.spanContext().spanId);
});

test('ends open spans when it is closed', async () => {
  exporter.reset();
  await withServer({}, async ({ server }) => {
    const tracing = traceFlows(server, provider.getTracer('a program'));
    await server.begin();
    tracing.unsubscribe();
    await server.begin();
  });
  assert.is(exporter.getFinishedSpans().length, 1);
});

test('ends the oldest spans if flows that end at other nodes would fill the memory', () => {
  const events = new Subject<ServerEvent>();
  const ended: string[] = [];
  const tracing = traceFlows(
    { events },
    {
      startSpan: (_name, { attributes }) => ({
        setAttribute: () => undefined,
        addEvent: () => undefined,
        setStatus: () => undefined,
        end: () => void ended.push(attributes['oauth.flow_id']!),
      }),
    },
  );
  const count = 25_000;
  for (let n = 0; n < count; n++)
    events.next({ type: 'begun', at: n, flowId: String(n), expiresAt: n + 60_000 });
  const evicted = ended.length;
  assert.ok(count - evicted >= 10_000 && count - evicted <= 20_000, `${count - evicted} are open`);
  events.next({ type: 'expired', at: count, flowId: String(count - 1) });
  events.next({ type: 'expired', at: count, flowId: '0' });
  assert.is(ended.length, evicted + 1);
  tracing.unsubscribe();
  assert.equal([ended.length, new Set(ended).size], [count, count]);
  assert.equal(
    ended.slice(0, evicted),
    Array.from({ length: evicted }, (_, n) => String(n)),
  );
});

test.run();
