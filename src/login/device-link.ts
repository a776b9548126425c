import { InvalidOptionError } from '../base/invalid-option.ts';
import type { FlowLink } from '../model/flow-link.ts';
import type { DeviceEvent } from './events.ts';

/** The device code of a sign-in as one of its links. Its members are on the prototype, so that no printer shows the code. */
export class DeviceLink implements FlowLink {
  readonly kind = 'device';
  readonly #event: DeviceEvent;

  constructor(event: DeviceEvent) {
    this.#event = event;
  }

  get url(): URL {
    const { verificationUriComplete, verificationUri } = this.#event;
    return new URL(verificationUriComplete ?? verificationUri);
  }

  get redirectUri(): undefined {
    return undefined;
  }

  get userCode(): string {
    return this.#event.userCode;
  }

  paste(): Promise<void> {
    return Promise.reject(
      new InvalidOptionError('text', 'has no place here: the user enters a device code in the browser'),
    );
  }
}
