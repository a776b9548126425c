/** Sign-ins that do what they must not, as command-twins.ts has them. */
import type { CommandTwin } from './command-twins.ts';
import type { Edit } from './helpers/weakened.ts';
import type { loginRows } from './login-rows.ts';

const edit = (file: string, find: string, replace: string): Edit[] => [{ file, find, replace }];

const mayBeAsked = `return local ? isSecure(parsed) : parsed.protocol === 'https:';`;

export const loginTwins: readonly CommandTwin<keyof typeof loginRows>[] = [
  {
    row: 'takesItsMetadataOnly',
    weakness: 'takes metadata of any issuer',
    edits: edit('login/metadata.ts', `metadata.issuer !== issuer`, `metadata.issuer === ''`),
    complaint: /the flaw of another issuer/,
  },
  {
    row: 'takesItsMetadataOnly',
    weakness: 'takes an issuer that differs by a slash for the same',
    edits: edit(
      'login/metadata.ts',
      `metadata.issuer !== issuer`,
      `new URL(metadata.issuer).href !== new URL(issuer).href`,
    ),
    complaint: /the flaw of a slash more/,
  },
  {
    row: 'takesItsMetadataOnly',
    weakness: 'asks endpoints in the clear',
    edits: edit('login/metadata.ts', mayBeAsked, `return /^https?:$/.test(parsed.protocol) || local;`),
    complaint: /the flaw of a token endpoint in the clear/,
  },
  {
    row: 'takesItsMetadataOnly',
    weakness: 'lets a server elsewhere have this machine asked',
    edits: edit('login/metadata.ts', mayBeAsked, `return isSecure(parsed) || local === undefined;`),
    complaint: /the flaw of a page of this machine/,
  },
  {
    row: 'takesItsMetadataOnly',
    weakness: 'opens a script',
    edits: edit(
      'login/metadata.ts',
      mayBeAsked,
      `return parsed.protocol !== 'http:' || (local && isSecure(parsed));`,
    ),
    complaint: /the flaw of a script/,
  },
  {
    row: 'takesSignedIdTokensOnly',
    weakness: 'takes an ID token as it comes',
    edits: edit(
      'login/exchange.ts',
      `await openid.authorizationCodeGrant(`,
      `await (async (configuration, url, _checks, more) => {
        const grant = { grant_type: 'authorization_code', client_id: client.id, code: url.searchParams.get('code') ?? '' };
        const body = new URLSearchParams([...more, ...Object.entries(grant)]);
        const answer = await fetch(configuration.serverMetadata().token_endpoint!, { method: 'POST', body });
        return (await answer.json()) as Awaited<ReturnType<typeof openid.authorizationCodeGrant>>;
      })(`,
    ),
    complaint: /with an ID token, one that is not signed/,
  },
  {
    row: 'takesSignedIdTokensOnly',
    weakness: 'does not look at who has signed it',
    edits: edit(
      'login/client.ts',
      `if (jwks_uri !== undefined) openid.enableNonRepudiationChecks(configuration);`,
      `if (jwks_uri === '') openid.enableNonRepudiationChecks(configuration);`,
    ),
    complaint: /with an ID token, one that somebody else has signed/,
  },
  {
    row: 'sendsItsVerifier',
    weakness: 'sends no verifier',
    edits: edit('login/exchange.ts', `pkceCodeVerifier: flow.codeVerifier,`, ``),
    complaint: /the challenge of the verifier/,
  },
  {
    row: 'sendsItsVerifier',
    weakness: 'has one verifier for all',
    edits: edit(
      'login/exchange.ts',
      `pkceCodeVerifier: flow.codeVerifier,`,
      `pkceCodeVerifier: 'a-verifier-that-is-the-same-for-every-sign-in',`,
    ),
    complaint: /the challenge of the verifier/,
  },
  {
    row: 'refreshesForItsPerson',
    weakness: 'does not look at whose tokens came',
    edits: edit('login/exchange.ts', `after.claims.sub !== before.claims.sub`, `after.claims.sub === ''`),
    complaint: /what a refresh for somebody else gives[^]*tokens·of·somebody-else/,
  },
  {
    row: 'usesEachRefreshTokenOnce',
    weakness: 'waits for none under way',
    edits: edit('login/rotation.ts', `await busy.catch(() => undefined);`, `break;`),
    complaint: /what two at once use/,
  },
  {
    row: 'usesEachRefreshTokenOnce',
    weakness: 'forgets what came for a refresh token',
    edits: edit('login/rotation.ts', `this.#next.set(keyOf(owner, used), next);`, ``),
    complaint: /what two at once use/,
  },
  {
    row: 'tellsNoSecret',
    weakness: 'says what the server says',
    edits: edit('login/openid-client.ts', `printable(withoutSecrets(text, secrets))`, `printable(text)`),
    complaint: /as it is, it is shown/,
  },
  {
    row: 'tellsNoSecret',
    weakness: 'does not know a secret as it was sent',
    edits: [
      ...edit('login/redaction.ts', `encodeURIComponent(secret),`, ``),
      ...edit('login/redaction.ts', `new URLSearchParams([['', secret]]).toString().slice(1),`, ``),
    ],
    complaint: /as it was sent, it is shown/,
  },
  {
    row: 'tellsNoSecret',
    weakness: 'shows the header of a client',
    edits: edit('login/redaction.ts', `'Basic [redacted]'`, `'$&'`),
    complaint: /as the header has it, it is shown/,
  },
  {
    row: 'tellsNoSecret',
    weakness: 'takes secrets out of what it has cut',
    edits: edit(
      'login/openid-client.ts',
      `printable(withoutSecrets(text, secrets))`,
      `withoutSecrets(printable(text), secrets)`,
    ),
    complaint: /cut off, it is shown/,
  },
  {
    row: 'tellsNoSecret',
    weakness: 'keeps the answer in the error',
    edits: edit(
      'login/exchange.ts',
      `return new TokenError(issuer, \`the token endpoint of \${issuer} \${reason}\`, error, unanswered);`,
      `return Object.assign(new TokenError(issuer, reason, error, unanswered), { cause: thrown });`,
    ),
    complaint: /as it is, it is shown/,
  },
  {
    row: 'leavesNothing',
    weakness: 'leaves its flow waiting',
    edits: edit('with-flow.ts', `return () => over.abort();`, `return () => undefined;`),
    complaint: /what becomes of the flow/,
  },
  {
    row: 'leavesNothing',
    // For longer than it is waited for; for ever, the specs would not end.
    weakness: 'leaves its port open',
    edits: edit(
      'login/sign-in.ts',
      `finalize(() => void own.close()),`,
      `finalize(() => void setTimeout(() => void own.close(), 4_000)),`,
    ),
    complaint: /the port is open/,
  },
  {
    row: 'showsNothingPasted',
    weakness: 'repeats what it does not take',
    edits: edit('cli/login/attendant.ts', `\`\${complaint} Try again:\``, `\`\${complaint} \${line}\``),
    complaint: /a secret is shown/,
  },
  {
    row: 'showsNothingPasted',
    weakness: 'says what the server says',
    edits: edit('login/openid-client.ts', `printable(withoutSecrets(text, secrets))`, `printable(text)`),
    complaint: /a secret is shown/,
  },
];
