/** The device grant of the provider, and a person with another device. */
import type { DeviceEvent } from '../../src/login.ts';
import { visit, type VisitedPage } from '../../src/testing.ts';
import { clientId, native } from './provider.ts';

const grantType = 'urn:ietf:params:oauth:grant-type:device_code';

interface PageContext {
  body: string;
}

const page = (context: PageContext, form: string): void => {
  context.body = form.replace('</form>', '<button>Continue</button></form>');
};

/** Features of a provider with the device grant. */
export const deviceFeatures = {
  devInteractions: { enabled: false },
  deviceFlow: {
    enabled: true,
    userCodeInputSource: page,
    userCodeConfirmSource: page,
    successSource: (context: PageContext) => {
      context.body = '<h1>Device signed in</h1>';
    },
  },
};

/** Configuration of a provider with the device grant, for the public client. */
export const deviceGrant = {
  features: deviceFeatures,
  clients: [
    {
      ...native,
      client_id: clientId,
      token_endpoint_auth_method: 'none',
      grant_types: [...native.grant_types, grantType],
    },
  ],
};

/** Opens the URI with the code, and confirms what the pages ask. */
export function enterCode(event: Pick<DeviceEvent, 'verificationUriComplete'>): Promise<VisitedPage> {
  return visit(event.verificationUriComplete!);
}
