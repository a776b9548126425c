/** Marks a file as one of this package: "rxoc". */
export const applicationId = 0x72786f63;

/** Version of the tables. A file of a newer one is left as it is. */
export const schemaVersion = 1;

/**
 * The tables of a store. Times are milliseconds since the epoch. Of `flow`:
 *
 * - `id`: of the tenant and the state, of which it is a digest;
 * - `tenant`: digest of the tenant; `account`: digest of the account that has begun the flow, whose flows may have `share` bytes, and
 *   `bytes` that this one has;
 * - `sealed`: the flow. Empty once it is acknowledged, unless a page waited for its outcome then;
 * - `ending`: how it ended; empty while it is pending, and if it has expired;
 * - `response`: sealed. It waits for its code if there is no ending; `code` is a digest, `wrong` counts the wrong ones;
 * - `ended`: when it ended; `announced`, `acknowledged`: 1 once it is.
 */
export const schema = `
PRAGMA application_id = ${applicationId};
PRAGMA user_version = ${schemaVersion};

CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE flow (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  account TEXT,
  share INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  sealed TEXT,
  ending TEXT,
  response TEXT,
  code TEXT,
  wrong INTEGER NOT NULL DEFAULT 0,
  ended INTEGER,
  announced INTEGER NOT NULL DEFAULT 0,
  acknowledged INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX flow_by_tenant ON flow (tenant, acknowledged, expires);
CREATE INDEX flow_by_account ON flow (account, acknowledged, expires, bytes);
CREATE INDEX flow_by_expiry ON flow (expires);

CREATE TABLE record (id TEXT PRIMARY KEY, sealed TEXT NOT NULL, expires INTEGER NOT NULL) STRICT;
CREATE INDEX record_by_expiry ON record (expires);
`;
