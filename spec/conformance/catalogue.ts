import { requirements as bridgeAccess } from './bridge-access.ts';
import { requirements as bridgeProtocol } from './bridge-protocol.ts';
import { requirements as cluster } from './cluster.ts';
import { requirements as commandLine } from './command-line.ts';
import { requirements as httpLimits } from './http-limits.ts';
import { requirements as httpRequests } from './http-requests.ts';
import { requirements as issuer } from './issuer.ts';
import { requirements as jarm } from './jarm.ts';
import { requirements as lifecycle } from './lifecycle.ts';
import { requirements as login } from './login.ts';
import { requirements as loopback } from './loopback.ts';
import { requirements as methods } from './methods.ts';
import { requirements as openingBrowser } from './opening-browser.ts';
import { requirements as operator } from './operator.ts';
import { requirements as page } from './page.ts';
import { requirements as parsing } from './parsing.ts';
import { requirements as pkce } from './pkce.ts';
import { requirements as redirectUri } from './redirect-uri.ts';
import { requirements as remoteService } from './remote-service.ts';
import type { Requirement, Subject } from './requirement.ts';
import { requirements as savedFiles } from './saved-files.ts';
import { requirements as secrets } from './secrets.ts';
import { requirements as singleUse } from './single-use.ts';
import { requirements as watch } from './watch.ts';

export const subjects: readonly Subject[] = [
  parsing,
  singleUse,
  pkce,
  issuer,
  redirectUri,
  jarm,
  methods,
  loopback,
  openingBrowser,
  httpRequests,
  httpLimits,
  page,
  secrets,
  lifecycle,
  bridgeAccess,
  bridgeProtocol,
  cluster,
  login,
  savedFiles,
  remoteService,
  operator,
  commandLine,
  watch,
];

/** Every requirement, by its id. */
export const catalogue: readonly Requirement[] = subjects
  .flatMap(({ requirements }) => requirements)
  .sort((one, other) => (one.id < other.id ? -1 : 1));
