import type { Translation } from '../texts.ts';

/** English. */
export const en: Translation = {
  readByNativeSpeaker: false,
  texts: {
    success: 'Authentication successful',
    received: 'The sign-in was received. The app continues from here.',
    finishing: 'Finishing sign-in…',
    finishingHint: 'The app is completing the sign-in. The result will appear on this page.',
    waiting: 'Sign-in received',
    waitingHint: 'The app has not reported a result yet. Please check the app.',
    cancelled: 'Sign-in cancelled',
    cancelledHint: 'You cancelled the sign-in. Start again from the app.',
    notSignedIn: 'You were not signed in',
    accessDenied: 'Access was denied by the authorization server.',
    failure: 'Authentication failed',
    failed: 'The authorization server reported an error.',
    inactive: 'This sign-in link is not active',
    inactiveHint: 'If you just signed in, you can ignore this page. Otherwise start again from the app.',
    nothing:
      'This request contains no sign-in response. (Browsers do not send the part of an address after #.)',
    checkApp: 'See the app for details.',
    headTooLarge: 'Your browser sent too much data',
    headTooLargeHint: 'Please delete the cookies of this site. Then start again from the app.',
    unavailable: 'Sign-in is not available right now',
    unavailableHint: 'The service is temporarily unavailable. Please wait a moment and reload this page.',
    otherBrowser: 'This sign-in was started in another browser',
    otherBrowserHint:
      'Nothing was passed on. If you did not start this sign-in yourself, close this page and tell nobody the address that brought you here.',
    typeCode: 'Enter this code in the app',
    typeCodeHint: 'Type the code into the app in which you started this sign-in. Do not tell it to anyone.',
    consentTitle: 'Did you start this sign-in?',
    consent:
      'The program {} asks you to sign in at {}. Continue only if you have just started this yourself.',
    proceed: 'Continue',
    close: 'You can safely close this tab now.',
    connected: 'Connected to: {}',
  },
};
