/**
 * Tenants of a callback server: each with a redirect URI, flows, checks and pages of its own, on one port.
 *
 * @module rx-oauth-callback/tenants
 */
export { createTenants } from './tenants/tenants.ts';
export type { Tenants } from './tenants/tenants.ts';
export type { Tenant } from './tenants/tenant.ts';
export type { TenantOptions, TenantsOptions } from './tenants/options.ts';
export type { CallbackHost } from './model/callback-host.ts';
export type { FlowQuota, FlowStore } from './model/flow-store.ts';
