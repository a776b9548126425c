import type { BridgeToken } from '../../bridge.ts';
import { InvalidOptionError } from '../../index.ts';
import { withoutUndefined } from '../../base/without-undefined.ts';
import { tenantOptionTable } from '../../tenants/options.ts';
import type { TenantOptions, Tenants } from '../../tenants.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { besideFile, namesFile } from '../settings/layers.ts';
import { parse, readObject } from '../settings/read.ts';
import { configSchema } from '../settings/schema.ts';
import type { Setting, Values } from '../settings/setting.ts';
import type { ReadConfig } from './config.ts';
import { readLogo } from './logo.ts';
import { readTexts } from './options.ts';
import { settings } from './settings.ts';
import { readTokens } from './tokens.ts';

/** Tenants of the configuration, with the contents of their files. */
export interface ReadTenants {
  readonly tenants: Readonly<Record<string, TenantOptions>>;
  /** Tokens of all tenants, each with its tenant. */
  readonly tokens: readonly BridgeToken[];
  /** Turns an error about an option of a tenant into one about its source. Other errors are returned unchanged. */
  readonly blame: (error: unknown) => unknown;
}

/** Settings of a tenant: those of the server that a tenant has too, its quota and its tokens. */
const rows: readonly Setting[] = [
  ...settings.filter(({ key, feeds }) => feeds === `server.${key}` && key in tenantOptionTable),
  { key: 'quota', group: '', feeds: 'command', type: 'bounds' },
  { key: 'tokens', group: '', feeds: 'command', type: 'tokens', secret: true },
];

const schema = configSchema(rows);

/** A tenant as its settings have it. */
type Given = Omit<TenantOptions, 'render' | 'texts'> & {
  texts?: Values['texts'];
  tokens?: Values['tokens'];
};

/** File or setting that tenants are read from. */
interface Source {
  /** Path of the file, which paths of other files are relative to. */
  readonly file: string;
  /** Names a value, given by the name of its tenant and its path there. */
  readonly label: (path: readonly string[]) => string;
}

/** Reads the tenants; undefined if none are configured. Throws `CommandError` for an unknown name or an invalid value. */
export function readTenants(read: ReadConfig): ReadTenants | undefined {
  const { tenants: given } = read.config;
  if (given === undefined) return undefined;
  const source = sourceOf(given, read);
  const content = typeof given === 'string' ? readObject(given, '--tenants') : given;
  const all = Object.entries(content).map(
    ([name, each]) => [name, ...readTenant(name, each, source)] as const,
  );
  return {
    tenants: Object.fromEntries(all.map(([name, options]) => [name, options])),
    tokens: all.flatMap(([tenant, , tokens]) => tokens.map((token) => ({ ...token, tenant }))),
    blame(error) {
      if (!(error instanceof InvalidOptionError)) return error;
      const [, ...path] = error.option.split('.');
      const message = error.message.slice(error.option.length).trimStart();
      return new CommandError(`${source.label(path)} ${message}`, exitCodes.usage, { cause: error });
    },
  };
}

/** Returns the redirect URI of each tenant, by its name. */
export function redirectUrisOf(tenants: Tenants): Readonly<Record<string, { redirectUri: string }>> {
  return Object.fromEntries(
    tenants.names.map((name) => [name, { redirectUri: tenants.tenant(name).redirectUri }]),
  );
}

function sourceOf(given: Values['tenants'], { file = '', label }: ReadConfig): Source {
  if (typeof given !== 'string') return { file, label: (path) => label(['tenants', ...path]) };
  return { file: given, label: (path) => `${path.join('.') || 'what is'} in ${given}` };
}

function readTenant(
  name: string,
  given: unknown,
  { file, label }: Source,
): [options: TenantOptions, tokens: readonly BridgeToken[]] {
  const labelOf = (path: readonly string[]): string => label([name, ...path]);
  const read = parse(schema, given, labelOf, rows) as Record<string, unknown>;
  for (const { key, ...row } of rows) {
    const value = read[key];
    if (namesFile({ key, ...row }) && typeof value === 'string') read[key] = besideFile(file, value);
  }
  const { logo, texts, tokens = [], ...options } = withoutUndefined(read) as Given;
  return [
    {
      ...options,
      ...(logo !== undefined && { logo: readLogo(logo, labelOf(['logo'])) }),
      ...(texts !== undefined && { texts: readTexts(texts, labelOf(['texts'])) }),
    },
    readTokens(tokens, labelOf(['tokens'])),
  ];
}
