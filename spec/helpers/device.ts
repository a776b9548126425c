/** The device grant of the provider, and a person with another device. */
import { Browser, type Page } from '../../src/cli/demo/browser.ts';
import type { DeviceEvent } from '../../src/login.ts';
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
export async function enterCode(event: Pick<DeviceEvent, 'verificationUriComplete'>): Promise<Page> {
  const browser = new Browser();
  let page = await browser.open(new URL(event.verificationUriComplete!));
  while (page.html.includes('>Continue</button>')) {
    const inputs = [...page.html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
    const fields = Object.fromEntries(inputs.map(([, name = '', value = '']) => [name, value]));
    page = await browser.submit(page, 'Continue', fields);
  }
  return page;
}
