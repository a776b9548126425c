/**
 * Metrics for Prometheus and spans for OpenTelemetry.
 *
 * @module rx-oauth-callback/telemetry
 */
export { createMetrics } from './telemetry/metrics.ts';
export { traceFlows, tracerIfInstalled } from './telemetry/tracing.ts';
export type { Metrics, MetricsOptions } from './telemetry/metrics.ts';
export type { SpanLike, TracerLike } from './telemetry/tracing.ts';
