import type { JwtOptions } from '../../bridge/jwt-options.ts';
import type { BridgeOptions } from '../../bridge/options.ts';
import type { MonitorOptions } from '../../monitor/options.ts';
import type { ServerOptions } from '../../server/options.ts';
import type { RedisStoreOptions } from '../../store/redis/options.ts';
import type { SqliteStoreOptions } from '../../store/sqlite/options.ts';

/** Options of the objects that `serve` creates, by the name of the object. */
export interface Options {
  server: ServerOptions;
  bridge: BridgeOptions;
  jwt: JwtOptions;
  monitor: MonitorOptions;
  redis: RedisStoreOptions;
  sqlite: SqliteStoreOptions;
}

/** Path of an option: `server.flowTtl`. */
export type OptionPath = { [O in keyof Options]: `${O}.${keyof Options[O] & string}` }[keyof Options];
