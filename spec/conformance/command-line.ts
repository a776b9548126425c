import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from '../helpers/assert.ts';
import { Folder } from '../helpers/cli.ts';
import { edit } from '../helpers/weakened.ts';
import { check, exportsOf, requirement, requirementsOn, server, twin } from './requirement.ts';

const variables = exportsOf<typeof import('../../src/cli/variables.ts')>('cli/variables.ts');

const configuration = exportsOf<typeof import('../../src/cli/serve/config.ts')>('cli/serve/config.ts');

const loginConfiguration = exportsOf<typeof import('../../src/cli/login/config.ts')>('cli/login/config.ts');

const loginSettings = exportsOf<typeof import('../../src/cli/login/settings.ts')>('cli/login/settings.ts');

const saving = exportsOf<typeof import('../../src/cli/login/save.ts')>('cli/login/save.ts');

// Compares names, because a twin has classes of its own.
const isCommandError = ({ name }: Error): boolean => name === 'CommandError';
const isInvalidOption = ({ name }: Error): boolean => name === 'InvalidOptionError';

export const requirements = requirementsOn(
  'The command line',
  requirement(
    'P-25',
    {
      demand: 'Use each setting as its user means it, or reject it.',
      source: 'docs/reference/settings.md',
    },
    check(
      variables,
      'a misspelt variable is rejected, and variables of others are not',
      ({ requireKnownVariables }) => {
        requireKnownVariables({
          RX_OAUTH_CALLBACK_PORT: '1',
          RX_OAUTH_CALLBACK_SERVICE_HOST: 'x',
          PROT: '1',
        });
        const error = assert.throws(
          () => requireKnownVariables({ RX_OAUTH_CALLBACK_PROT: '1' }),
          isCommandError,
        );
        assert.match(error.message, 'RX_OAUTH_CALLBACK_PORT?', 'the name that is meant');
      },
      [
        twin(
          'ignores variables that it does not know',
          edit(`known.includes(name)) continue;`, `known.includes(name) || name !== '') continue;`),
          /Expected function to throw/,
        ),
      ],
    ),
    check(
      server,
      'an issuer is a URL without query and fragment',
      (create) => {
        create({ issuers: ['https://as.example'] });
        for (const issuer of [
          'as.example',
          'https://as.example?a',
          'https://as.example#a',
          'ftp://as.example',
        ])
          assert.throws(() => create({ issuers: [issuer] }), isInvalidOption);
      },
      [
        twin(
          'takes any text as an issuer',
          edit(`for (const issuer of issuers) requireIssuer(issuer);`, ``),
          /Expected function to throw/,
        ),
      ],
    ),
    check(
      configuration,
      'a relative path in a configuration file begins at its folder',
      ({ readConfig }) => {
        using folder = new Folder();
        const config = folder.write('serve.json', { tokens: 'tokens.json' });
        assert.is(readConfig({ config }, {}).config.tokens, join(folder.path, 'tokens.json'));
      },
      [
        twin(
          'looks for it in the working directory',
          edit(`join(dirname(file), path)`, `path`),
          /Expected values to be strictly equal/,
        ),
      ],
    ),
    check(
      loginConfiguration,
      'a flag comes before a variable, a variable before the profile, the profile before the rest of the file',
      ({ readConfig }) => {
        using folder = new Folder();
        const content = { clientId: 'of the file', profiles: { work: { clientId: 'of the profile' } } };
        const config = folder.write('login.json', content);
        const env = { RX_OAUTH_CALLBACK_LOGIN_CLIENT_ID: 'of the variable' };
        const clientOf = (...[flags, given]: Parameters<typeof readConfig>): unknown =>
          readConfig({ config, ...flags }, given).config.clientId;
        assert.is(clientOf({}, {}), 'of the file');
        assert.is(clientOf({ profile: 'work' }, {}), 'of the profile');
        assert.is(clientOf({ profile: 'work' }, env), 'of the variable');
        assert.is(clientOf({ profile: 'work', clientId: 'of the flag' }, env), 'of the flag');
      },
      [
        twin(
          'lets the file override the profile',
          edit(`Object.assign({}, ...files.map(`, `Object.assign({}, ...files.toReversed().map(`),
          /of·the·file/,
        ),
        twin(
          'forgets variables',
          edit(`const variable = env[variableOf(setting)] || undefined;`, `const variable = env[''];`),
          /of·the·profile/,
        ),
      ],
    ),
    check(
      loginConfiguration,
      'a configuration file with a secret is not for other users to read',
      ({ readConfig }) => {
        using folder = new Folder();
        const config = folder.write('login.json', { clientSecret: 's' });
        readConfig({ config }, {});
        chmodSync(config, 0o640);
        assert.throws(() => readConfig({ config }, {}), isCommandError);
      },
      [
        twin(
          'takes a secret that is exposed',
          edit(`if (secret !== undefined && isExposed`, `if (secret === '' && isExposed`),
          /Expected function to throw/,
        ),
      ],
    ),
  ),
  requirement(
    'P-26',
    {
      demand: 'Ask for all that the user names, and overwrite nothing but saved tokens.',
      source: 'docs/guides/tokens.md',
    },
    check(
      loginSettings,
      'each --scope is asked for',
      ({ readLogin }) => {
        const flags = {
          issuer: 'https://as.example',
          port: '0',
          host: '127.0.0.1',
          callbackPath: '/',
          timeout: '9',
        };
        const { signIn } = readLogin({ ...flags, scopes: ['openid', 'email profile'] }, {});
        assert.is(signIn.scope, 'openid email profile');
      },
      [
        twin(
          'asks for the last one',
          edit(`scope: scopes.join(' ')`, `scope: scopes.at(-1)!`),
          /Expected values to be strictly equal/,
        ),
      ],
    ),
    check(
      saving,
      '--save takes no file that holds something else',
      async ({ TokenFile }) => {
        using folder = new Folder();
        const notes = folder.write('notes.txt', 'notes');
        await assert.rejects(TokenFile.open(notes, {}), isCommandError);
        assert.is(readFileSync(notes, 'utf8'), 'notes');
      },
      [
        twin(
          'takes it',
          edit(`text.trim() === '' || areTokens(text)`, `text.trim() !== '' || areTokens(text)`),
          /Expected promise to reject/,
        ),
      ],
    ),
  ),
);
